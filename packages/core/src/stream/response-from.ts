import type { Format } from '../format/format.ts';
import { answerResponse } from './answer.ts';
import type { BodySource } from './body.ts';
import { DEFAULT_SSE_LIMITS } from './sse-decoder.ts';

/** What {@link responseFrom} makes a response of. */
export interface ResponseSeed {
  /** HTTP status. */
  readonly status: number;
  /** Lower-case names. An array only for `set-cookie`. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** Bytes in memory, or a source of them. */
  readonly body: Uint8Array | BodySource;
}

/**
 * A response of a plugin's own making, read in the call's format (`ctx.format`) as if the upstream had sent it: hooks,
 * commit point and outcome hold for it. The same as `new Response(…)`, without web streams in between.
 *
 * @throws PipelineError `bad_answer` for a success whose content type is no answer in the format.
 */
export function responseFrom({ status, headers, body }: ResponseSeed, format: Format | undefined): Response {
  return answerResponse({
    status,
    statusText: '',
    headers: { ...headers },
    source: body,
    format,
    limits: DEFAULT_SSE_LIMITS,
  }).response;
}
