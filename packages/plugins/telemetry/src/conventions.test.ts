import * as incubating from '@opentelemetry/semantic-conventions/incubating';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ATTRIBUTE, CONVENTIONS, METRICS, PROVIDER_OF_FORMAT, SCOPE, VALUE } from './conventions.ts';

const theirs = new Set<unknown>(Object.values(incubating));
const names = [...Object.values(ATTRIBUTE), ...Object.values(METRICS).map(({ name }) => name)];

test.each(names.filter((name) => !name.startsWith('sluice.')))('%s is a name of the conventions', (name) => {
  expect(theirs).toContain(name);
});

test.each([...Object.values(PROVIDER_OF_FORMAT), VALUE.chat, VALUE.input, VALUE.output])(
  '%s is a value of the conventions',
  (value) => {
    expect(theirs).toContain(value);
  },
);

test('no name is given twice', () => {
  expect(new Set(names).size).toBe(names.length);
});

test('the schema is of the version that the table names', () => {
  expect(CONVENTIONS.schemaUrl).toBe(`https://opentelemetry.io/schemas/${CONVENTIONS.version}`);
  expect(CONVENTIONS.source).toContain(`/v${CONVENTIONS.version}/`);
});

test('the scope is this package', () => {
  const { name, version } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  ) as Record<string, string>;
  expect(SCOPE).toEqual({ name, version });
});
