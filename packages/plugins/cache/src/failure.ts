import { classify, type Clock, type ErrorCode, PipelineError } from '@sluice/core';
import type { Failure } from './flight.ts';

/** Refusals that say something about the upstream or this process, and nothing about who calls. */
const OF_ALL = new Set<ErrorCode>([
  'circuit_open',
  'no_endpoint',
  'overloaded',
  'internal',
  'plugin_failed',
  'shutting_down',
]);

/** Of those, what a stale answer is better than. */
const AWAY = new Set<ErrorCode>(['circuit_open', 'no_endpoint', 'overloaded']);

/** Whether a failure concerns the call alone that asked: its limit, its rights, its regions. Others may fare better. */
export function isPersonal(failure: Failure): boolean {
  if ('response' in failure || !PipelineError.is(failure.error)) return false;
  const { outcome, code } = failure.error;
  return outcome === 'refused' && !OF_ALL.has(code);
}

/** Whether the upstream cannot be had: what `stale-if-error` is for (RFC 5861 §4), an open circuit and timeouts included. */
export function isOutage(failure: Failure, clock: Clock): boolean {
  if ('response' in failure) return classify(failure.response, clock).health === 'failure';
  if (!PipelineError.is(failure.error)) return false;
  const { outcome, code } = failure.error;
  return outcome === 'upstream-error' || outcome === 'timeout' || AWAY.has(code);
}

/** Whether anybody who asks the same gets the same: an answer about the request itself. */
export function isDeterministic(response: Response, clock: Clock): boolean {
  const { retry, health, credential } = classify(response, clock);
  return retry === 'no' && health === 'success' && credential === 'keep';
}
