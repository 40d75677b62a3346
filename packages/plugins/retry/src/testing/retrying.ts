import { errorBody, anthropicMessage, type ScriptedAnswer } from '@sluice/core/testing';
import { testPipeline, type TestPipeline, type TestPipelineOptions } from '@sluice/core/testing';
import { retry, type RetryOptions } from '../index.ts';

/** The dialect of all of these. */
export const DIALECT = 'anthropic-messages';

/** What an answer that is not streamed says it is. */
export const JSON_TYPE: Readonly<Record<string, string>> = { 'content-type': 'application/json' };

/** An answer. */
export const good = (): Response => new Response(anthropicMessage(), { headers: JSON_TYPE });

/** An error in the provider's words. */
export const bad = (status: number, headers: Record<string, string> = {}, code?: string): Response =>
  new Response(errorBody(DIALECT, status, code === undefined ? {} : { code }), {
    status,
    headers: { ...JSON_TYPE, ...headers },
  });

/** What a socket says of a lost connection. */
export const RESET: Error = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });

/** What never comes. */
export const SILENCE: Promise<never> = new Promise<never>(() => undefined);

/** A pipeline with retry alone, whose upstream answers as told. */
export function retrying(
  answers: readonly ScriptedAnswer[],
  options: RetryOptions = {},
  others: TestPipelineOptions = {},
): TestPipeline {
  return testPipeline({ answers, plugins: [retry(options)], ...others });
}

/** Lets all waits pass until there is a response. */
export async function afterAllWaits({ clock }: TestPipeline, pending: Promise<Response>): Promise<Response> {
  let settled = false;
  void pending.catch(() => undefined).finally(() => (settled = true));
  for (let second = 0; !settled && second < 600; second++) await clock.advance(1_000);
  return pending;
}
