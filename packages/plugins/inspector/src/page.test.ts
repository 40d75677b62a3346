import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { flatOptions } from './flat-options.ts';
import { readPage } from './page.ts';
import { short } from './short.ts';

test('the script passes the compiler', () => {
  const project = fileURLToPath(new URL('../page/tsconfig.json', import.meta.url));
  expect(execFileSync('tsc', ['-p', project], { encoding: 'utf8' })).toBe('');
}, 60_000);

test('what browsers run is what the policy names', () => {
  const { html, policy } = readPage();
  for (const [tag, directive] of [
    ['style', 'style-src'],
    ['script', 'script-src'],
  ]) {
    const [, text = ''] = new RegExp(`<${tag}[^>]*>([^]*?)</${tag}>`).exec(html) ?? [];
    const hash = createHash('sha256').update(text).digest('base64');
    expect(policy).toContain(`${directive} 'sha256-${hash}'`);
    expect(text.length).toBeGreaterThan(1_000);
  }
  expect(html).not.toMatch(/^(?:import|export) /m);
  // No way from a string to markup.
  expect(html).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/);
  expect(Buffer.byteLength(html)).toBeLessThan(44 * 1_024);
});

test('options are shown flat and short, lists of objects are only counted', () => {
  const options = {
    ttlMs: 5,
    nested: { on: true, deeper: { deep: 1 }, empty: {} },
    names: ['a', 'b'],
    words: [{ text: 'forbidden' }],
    long: 'x'.repeat(500),
    off: undefined,
  };
  expect(flatOptions(options)).toEqual([
    ['ttlMs', '5'],
    ['nested.on', 'true'],
    ['nested.deeper.deep', '1'],
    ['nested.empty', '{}'],
    ['names', 'a, b'],
    ['words', '[1]'],
    ['long', `${'x'.repeat(79)}…`],
  ]);
  expect(flatOptions(Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`o${n}`, n])))).toHaveLength(
    60,
  );
  expect(flatOptions('[function]')).toEqual([]);
});

test('names are cut where nobody would read on', () => {
  expect(short('claude-opus-5-5')).toBe('claude-opus-5-5');
  expect(short('m'.repeat(1_000))).toBe(`${'m'.repeat(79)}…`);
});
