import { anthropicStream, type ScriptedAnswer, streamAnswer } from '@sluice/core/testing';
import type { RetryOptions } from '../index.ts';
import { type Endpoints, routed, type Routed, type RoutedOptions } from './routed.ts';

/** A stream. */
export const EVENTS: readonly string[] = anthropicStream({ text: 'One two three' });
const [preamble = '', ...rest] = EVENTS;
/** Hedging as soon as it can be. */
export const HEDGE: RetryOptions = { hedge: { minSamples: 20, minDelayMs: 0 } };
/** Calls that are made to warm up. */
export const WARM = 20;

/** Resolves after a while on the pipeline's clock, which is known by the time it is asked. */
export const later = <T>({ clock }: Routed, ms: number, value: T): Promise<T> =>
  new Promise((resolve) => {
    clock.setTimeout(() => {
      resolve(value);
    }, ms);
  });

/** A stream whose first content takes its time. */
export const slow =
  (pipe: () => Routed, ms: number, ending: readonly (string | Error)[] = rest): ScriptedAnswer =>
  (request, ctx) =>
    streamAnswer([preamble, later(pipe(), ms, ending[0] as string), ...ending.slice(1)])(request, ctx);

/** A pipeline that has seen `WARM` calls whose content came after 100 ms. */
export async function warm(
  endpoints: (pipe: () => Routed) => Endpoints,
  options: RetryOptions = HEDGE,
  others: RoutedOptions = {},
): Promise<Routed> {
  const self = (): Routed => pipe;
  const table = endpoints(self);
  const usual = Array.from({ length: WARM }, () => slow(self, 100));
  const pipe = routed({ ...table, a: [...usual, ...(table['a'] ?? [])] }, options, others);
  for (let call = 0; call < WARM; call++) await ask(pipe, 100);
  pipe.asked.splice(0);
  pipe.outcomes.splice(0);
  return pipe;
}

/** Streams one call that takes so long. */
export async function ask(pipe: Routed, ms: number): Promise<string> {
  const pending = pipe.post({ stream: true });
  await pipe.clock.advance(ms);
  return (await pending).text();
}
