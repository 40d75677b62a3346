import { createPipeline } from '@sluice/core';
import { expect, test } from 'vitest';
import { circuitBreaker, type CircuitBreakerOptions } from './index.ts';

const assemble = (options: unknown): unknown =>
  createPipeline({
    upstream: 'https://api.anthropic.com',
    plugins: [circuitBreaker(options as CircuitBreakerOptions)],
  });

test.each<[options: object, sentence: RegExp]>([
  [{ threshold: 5 }, /there is no option "threshold"/],
  [{ windowMs: '60s' }, /option "windowMs": must be a number of milliseconds/],
  [{ windowMs: 59_999 }, /"windowMs" must be at least twice "slowFirstEventMs"/],
  [{ slowFirstEventMs: 60_000 }, /"windowMs" must be at least twice "slowFirstEventMs"/],
  [{ windowMs: Infinity }, /option "windowMs": must be finite/],
  [{ minCalls: 0 }, /option "minCalls": must be at least 1/],
  [{ minCalls: 2.5 }, /option "minCalls": must be a whole number/],
  [{ failureRate: 0 }, /option "failureRate": must be greater than 0; false turns it off/],
  [{ failureRate: 50 }, /option "failureRate": must be at most 1, which is all/],
  [{ failureRate: true }, /option "failureRate": must be a share, such as 0.5, or false/],
  [{ slowRate: '80%' }, /option "slowRate": must be a share, such as 0.5, or false/],
  [{ consecutiveFailures: 0 }, /option "consecutiveFailures": must be at least 1/],
  [{ maxOpenMs: 4_999 }, /"maxOpenMs" must not be below "openMs"/],
  [{ probes: 0 }, /option "probes": must be at least 1/],
  [{ probeLeaseMs: 0 }, /option "probeLeaseMs": must be at least 1/],
  [{ modelFamily: 'claude' }, /option "modelFamily": must be a function/],
  [{ onChange: true }, /option "onChange": must be a function/],
  [{ failureRate: false, consecutiveFailures: false, slowRate: false }, /leave the plugin out/],
])('%j is refused at assembly', (options, sentence) => {
  expect(() => assemble(options)).toThrow(sentence);
  expect(() => assemble(options)).toThrow(/^plugin "circuit-breaker": .*\.$/);
});

test.each<[options: CircuitBreakerOptions]>([
  [{}],
  [{ failureRate: false }],
  [{ failureRate: 1, slowRate: 1 }],
  [{ windowMs: 10_000, slowRate: false }],
  [{ windowMs: 10_000, slowFirstEventMs: 5_000 }],
  [{ openMs: 1_000, maxOpenMs: 1_000 }],
])('%j is taken', (options) => {
  expect(() => assemble(options)).not.toThrow();
});
