import { PipelineError } from '@sluice/core';
import { expect, test } from 'vitest';
import { refusal } from './refusal.ts';

test('a refusal has no stack trace, and other errors keep theirs', () => {
  const { stackTraceLimit } = Error;
  const error = refusal(1_500);
  expect(PipelineError.is(error)).toBe(true);
  expect(error).toMatchObject({
    code: 'circuit_open',
    retryAfterMs: 1_500,
    plugin: 'circuit-breaker',
    status: 503,
  });
  expect(error.stack).toBe(`PipelineError: ${error.message}`);
  expect(Error.stackTraceLimit).toBe(stackTraceLimit);
  expect(new Error('another').stack).toContain('\n    at ');
});

test('where intrinsics are frozen it has one', () => {
  const { stackTraceLimit } = Error;
  Object.defineProperty(Error, 'stackTraceLimit', {
    value: stackTraceLimit,
    writable: false,
    configurable: true,
  });
  try {
    expect(refusal(undefined)).toMatchObject({ code: 'circuit_open', retryAfterMs: undefined });
  } finally {
    Object.defineProperty(Error, 'stackTraceLimit', {
      value: stackTraceLimit,
      writable: true,
      configurable: true,
    });
  }
});
