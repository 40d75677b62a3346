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
  'a token of another kind at GitLab': `glrt-${body.slice(0, 20)}`,
  'a token of a Slack app': `xapp-1-A052FGTS2DL-5171572773297-${body.slice(0, 64)}`,
  'a configuration token of Slack': `xoxe.xoxp-1-${body.slice(0, 163)}`,
  'a key of Groq': `gsk_${body.slice(0, 52)}`,
  'a key of xAI': `xai-${body.slice(0, 80)}`,
  'a key of Perplexity': `pplx-${body.slice(0, 48)}`,
  'a key of Nvidia': `nvapi-${body.slice(0, 64)}`,
  'a key of Replicate': `r8_${body.slice(0, 37)}`,
  'a key of Bedrock': `ABSK${body.slice(0, 109)}`,
  'a key of Alibaba': `LTAI${body.slice(0, 20)}`,
  'an OAuth token of Google': `ya29.${body.slice(0, 60)}`,
  'a client secret of Google': `GOCSPX-${body.slice(0, 28)}`,
  'a key of SendGrid': `SG.${body.slice(0, 22)}.${body.slice(0, 43)}`,
  'a token of Vault': `hvs.${body.slice(0, 95)}`,
  'a token of PyPI': `pypi-AgEIcHlwaS5vcmc${body.slice(0, 70)}`,
  'a token of Docker': `dckr_pat_${body.slice(0, 27)}`,
  'a token of DigitalOcean': `dop_v1_${body.slice(0, 64)}`,
  'a token of Shopify': `shpat_${body.slice(0, 32)}`,
  'a signing secret of Stripe': `whsec_${body.slice(0, 32)}`,
  'a token of Grafana': `glsa_${body.slice(0, 41)}`,
  'a JSON web token': `eyJ${body.slice(0, 60)}.eyJ${body.slice(0, 900)}.${body.slice(0, 340)}`,
  'a private key': `-----BEGIN RSA PRIVATE KEY-----\n${body.slice(0, 16_000)}\n-----END RSA PRIVATE KEY-----`,
  'a private key with lines before it': `-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-128-CBC,A\n\n${body.slice(0, 900)}\n-----END RSA PRIVATE KEY-----`,
  'a private key of PGP': `-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n${body.slice(0, 900)}\n-----END PGP PRIVATE KEY BLOCK-----`,
  'a hook of Slack': `https://hooks.slack.com/services/T0${body.slice(0, 44)}`,
  'a bearer token': `Bearer ${body.slice(0, 200)}`,
  'a password in a URL': `redis://user:${body.slice(0, 40)}@cache:6379/0`,
};
const NAMES = Object.entries(SECRETS);
/** How much of a secret may be seen: less than what makes it one. */
const HARMLESS_CHARS = 6;

test.each(NAMES)('%s that a cut goes through shows nothing of itself', (_, secret) => {
  const begin = `some text before, ${secret}`;
  const step = Math.max(1, Math.floor(secret.length / 200));
  for (let end = begin.length - secret.length; end <= begin.length; end += step) {
    const masked = maskCut(begin.slice(0, end));
    expect(masked.startsWith('some text before, ')).toBe(true);
    expect(masked).not.toContain(body.slice(0, HARMLESS_CHARS));
    expect(masked).not.toContain('Q2W3E4');
  }
});

test.each(NAMES)('%s is masked wherever it stands in raw JSON', (_, secret) => {
  for (const before of ['', '\n', 'x\t', '"', '\u0001', '中', '(', 'key=', 'key%3D']) {
    const masked = maskSecrets(JSON.stringify({ content: `${before}${secret}` }));
    expect(masked).not.toContain(body.slice(0, HARMLESS_CHARS));
    expect(masked).not.toContain('Q2W3E4');
    expect(JSON.parse(masked)).toHaveProperty('content');
  }
});

test('basic credentials are masked, and prose is not', () => {
  const header = JSON.stringify({ headers: { Authorization: 'Basic dXNlcjpwYXNzd29yZA==' } });
  expect(maskSecrets(JSON.stringify(header))).not.toContain('dXNlcjpwYXNz');
  for (const text of [
    'a basic understanding, a bearer of bad news, task-oriented and risk-averse',
    'https://example.com:8080/a@b, git@github.com:a/b, desk_lamp, glue-and-scissors-box, e.g.something_else',
  ])
    expect(maskSecrets(text)).toBe(text);
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
