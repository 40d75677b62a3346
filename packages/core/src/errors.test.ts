import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES, type ErrorCode, PipelineError } from './errors.ts';

describe('the table of codes', () => {
  it.each(Object.entries(ERROR_CODES))(
    '%s: is consistent in itself',
    (code, { status, retryable, message, outcome }) => {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(600);
      expect(message).toMatch(/^[A-Z].*\.$/);
      // What a caller must change is not helped by trying again.
      if (status < 500 && status !== 429 && status !== 408) expect(retryable).toBe(false);
      if (outcome === 'timeout') expect(status).toBe(504);
      if (outcome === 'upstream-error') expect(status).toBe(502);
    },
  );
});

it('the README has every code, in the same words', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const rows = [...readme.matchAll(/^\| `(\w+)` +\| (\d{3}) +\| (yes|no) +\| `([\w-]+)` +\|/gm)];
  const said = rows.map(([, code, status, retryable, outcome]) => [
    code,
    `${status} ${retryable} ${outcome}`,
  ]);
  const facts = Object.entries(ERROR_CODES).map(([code, { status, retryable, outcome }]) => [
    code,
    `${status} ${retryable ? 'yes' : 'no'} ${outcome}`,
  ]);
  expect(said).toEqual(facts);
});

describe('a PipelineError', () => {
  it('takes from the table what it is not given', () => {
    const error = new PipelineError('rate_limited');
    expect(error).toMatchObject({
      name: 'PipelineError',
      code: 'rate_limited',
      status: 429,
      retryable: true,
    });
    expect(error).toBeInstanceOf(Error);
    expect([error.retryAfterMs, error.plugin, 'cause' in error]).toEqual([undefined, undefined, false]);
    const own = {
      message: 'Mine.',
      status: 402,
      retryable: false,
      retryAfterMs: 5,
      plugin: 'x',
      cause: new Error('why'),
    };
    expect(new PipelineError('rate_limited', own)).toMatchObject({ ...own, outcome: 'refused' });
  });

  it('is known across copies of this package, and nothing else is taken for one', async () => {
    const copy = (await import('./errors.ts?copy' as string).catch(() => undefined)) as
      | undefined
      | { PipelineError: typeof PipelineError };
    if (copy !== undefined) expect(PipelineError.is(new copy.PipelineError('internal'))).toBe(true);
    for (const odd of [
      undefined,
      null,
      'PipelineError',
      new Error('x'),
      {},
      { code: 'internal' satisfies ErrorCode },
    ]) {
      expect(PipelineError.is(odd)).toBe(false);
    }
  });
});
