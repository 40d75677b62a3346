import { expect, test } from 'vitest';
import { quoted, quotedName } from './write.ts';

test('texts are bounded, without secrets, and one visible line', () => {
  expect(quoted('plain "text"')).toBe(String.raw`"plain \"text\""`);
  expect(quoted('a\u202eb\nc')).toBe(String.raw`"a\u202eb\nc"`);
  expect(quoted('sk-telecom-one')).toBe('"[SECRET]"');
  expect(quoted('x'.repeat(300))).toBe(`"${'x'.repeat(256)}…"`);
});

test('names that are masked or cut stay apart, and are found again as they are shown', () => {
  const long = 'x'.repeat(300);
  const names = [
    'sk-telecom-one',
    'sk-telecom-two',
    'pk_solutions_gmbh',
    `${long}1`,
    `${long}2`,
    'acme',
    'acme 2',
  ];
  const written = names.map((name) => JSON.parse(quotedName(name)) as string);
  expect(new Set(written).size).toBe(names.length);
  expect(written[0]).toMatch(/^\[SECRET\]#[0-9a-f]{12}$/);
  expect(written[3]).toMatch(/^x{242}…#[0-9a-f]{12}$/);
  expect(written.slice(5)).toEqual(['acme', 'acme 2']);
  for (const shown of written) expect(JSON.parse(quotedName(shown))).toBe(shown);
});
