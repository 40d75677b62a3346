import { expect, test } from 'vitest';
import { maskCut, maskSecrets } from './secrets.ts';

const body = 'Qm9keU9mQVNlY3JldA'.repeat(900);
const SECRETS = {
  'an API key': `sk-ant-${body.slice(0, 90)}`,
  'a key of AWS': 'AKIAQ2W3E4R5T6Y7U8I9',
  'a key of Google': `AIza${body.slice(0, 35)}`,
  'a token of GitHub': `ghp_${body.slice(0, 36)}`,
  'a fine-grained token of GitHub': `github_pat_${body.slice(0, 82)}`,
  'a token of GitLab': `glpat-${body.slice(0, 20)}`,
  'a token of Slack': `xoxb-${body.slice(0, 50)}`,
  'a token of npm': `npm_${body.slice(0, 36)}`,
  'a JSON web token': `eyJ${body.slice(0, 60)}.eyJ${body.slice(0, 900)}.${body.slice(0, 340)}`,
  'a private key': `-----BEGIN RSA PRIVATE KEY-----\n${body.slice(0, 16_000)}\n-----END RSA PRIVATE KEY-----`,
  'a bearer token': `Bearer ${body.slice(0, 200)}`,
  'a password in a URL': `redis://user:${body.slice(0, 40)}@cache:6379/0`,
};
/** How much of a secret may be seen: less than what makes it one. */
const HARMLESS_CHARS = 6;

test.each(Object.entries(SECRETS))('%s that a cut goes through shows nothing of itself', (_, secret) => {
  const begin = `some text before, ${secret}`;
  const step = Math.max(1, Math.floor(secret.length / 200));
  for (let end = begin.length - secret.length; end <= begin.length; end += step) {
    const masked = maskCut(begin.slice(0, end));
    expect(masked.startsWith('some text before, ')).toBe(true);
    expect(masked).not.toContain(body.slice(0, HARMLESS_CHARS));
    expect(masked).not.toContain('Q2W3E4');
  }
});

test('what no cut goes through is masked as it always is', () => {
  const text = `${Object.values(SECRETS).join(' ')} and then words`;
  expect(maskCut(text)).toBe(maskSecrets(text));
  expect(maskSecrets(text)).not.toContain(body.slice(0, HARMLESS_CHARS));
  // Only of a cut text: here whoever wrote it had no more to say.
  expect(maskSecrets('what is -----BEGIN PRIVATE KEY----- for?')).toBe(
    'what is -----BEGIN PRIVATE KEY----- for?',
  );
});

test('a cut text of nothing but beginnings is looked through at once', () => {
  for (const begin of ['-----BEGIN PRIVATE KEY-----', '://a:', 'eyJ.', 'sk-', 'Bearer a']) {
    const before = performance.now();
    maskCut(begin.repeat(Math.ceil(262_144 / begin.length)));
    expect(performance.now() - before).toBeLessThan(1_000);
  }
});
