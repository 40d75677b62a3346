import { fakeClock } from '@sluice/core/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { resetMs } from './reset.ts';

const clock = fakeClock();
const reset = (value: string): number | undefined =>
  resetMs(
    new Response(null, {
      headers: { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': value },
    }),
    clock,
  );

test.each([
  ['120ms', 120],
  ['8.64s', 8_640],
  ['6m0s', 360_000],
  ['1h2m3s', 3_723_000],
  ['1d', 86_400_000],
  ['2026-01-01T00:00:07Z', 7_000],
  ['2025-01-01T00:00:07Z', 0],
  ['2026-99-99T00:00:07Z', undefined],
  ['', undefined],
  ['soon', undefined],
  ['7', undefined],
  ['-5s', undefined],
])('a reset of %j is %s ms away', (value, expected) => {
  expect(reset(value)).toBe(expected);
});

test('the latest of the limits that are used up counts, and no other', () => {
  const headers = {
    'anthropic-ratelimit-requests-remaining': '0',
    'anthropic-ratelimit-requests-reset': '2026-01-01T00:00:05Z',
    'anthropic-ratelimit-tokens-remaining': '0',
    'anthropic-ratelimit-tokens-reset': '2026-01-01T00:00:09Z',
    'anthropic-ratelimit-output-tokens-remaining': '1',
    'anthropic-ratelimit-output-tokens-reset': '2026-01-01T01:00:00Z',
  };
  expect(resetMs(new Response(null, { headers }), clock)).toBe(9_000);
  expect(resetMs(new Response(null), clock)).toBeUndefined();
});

test('nothing that an upstream can send is a wait below zero, or none at all', () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom('0', '9', '.', 'd', 'h', 'm', 's', '-', 'T', ':', 'Z', ' ') }),
    fc.string({ unit: 'binary-ascii' }).map((value) => value.replaceAll(/[^ -~]/g, '')),
  );
  fc.assert(
    fc.property(text, (value) => {
      const found = reset(value);
      if (found !== undefined) expect(found).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 5_000 },
  );
});
