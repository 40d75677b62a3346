import {
  anthropicMessages,
  CREDENTIAL_HEADERS,
  type InboundRequest,
  type Outcome,
  type Pipeline,
  PipelineError,
  retryAfter,
  type State,
} from '@sluice/core';
import type { HeaderRecord } from './options.ts';
import { type BatchRequest, DEFAULT_URL } from './request.ts';
import type { ErroredItem, ItemResult } from './result.ts';

/** As much of a pipeline as a batch needs. */
export type CallablePipeline = Pick<Pipeline, 'handle' | 'refuse' | 'clock'>;

/** Of an error that is no JSON, a page of a gateway for instance, so much is kept. */
const MAX_TEXT_CHARS = 2_000;
/** What is shorter is no key, and would be found in any text. */
const MIN_KEY_CHARS = 8;

/** A call that is ready to go. */
export interface ItemCall {
  readonly inbound: InboundRequest;
  readonly seed: ((state: State) => void) | undefined;
  readonly maxAnswerBytes: number;
}

/**
 * The call of an item.
 *
 * @throws TypeError When the body cannot be written as JSON.
 */
export function inboundOf(request: BatchRequest, headers: HeaderRecord): InboundRequest {
  const { customId, params, url = DEFAULT_URL } = request;
  let body: string;
  try {
    body = JSON.stringify(params);
  } catch (cause) {
    throw new TypeError(`batch: the params of item "${customId}" cannot be written as JSON.`, { cause });
  }
  const [path = ''] = url.split('?', 1);
  const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  return {
    method: 'POST',
    target: url,
    headers: {
      'content-type': 'application/json',
      ...(anthropicMessages.matches('POST', path) && { 'anthropic-version': '2023-06-01' }),
      ...Object.fromEntries(named),
    },
    body: new TextEncoder().encode(body),
  };
}

/** Makes the call and reads its answer. Never rejects. Canceled is what ends without an answer after the abort. */
export async function callItem(
  pipeline: CallablePipeline,
  { inbound, seed, maxAnswerBytes }: ItemCall,
  controller: AbortController,
): Promise<ItemResult> {
  let outcome: Outcome | undefined;
  const onComplete = (ended: Outcome): void => {
    outcome = ended;
  };
  const errored = async (response: Response, cause: unknown, maxBytes: number): Promise<ErroredItem> => {
    const known = PipelineError.is(cause) ? cause : undefined;
    const text = await textOf(response, maxBytes);
    return {
      type: 'errored',
      status: response.status,
      code: known?.code,
      retryAfterMs: known === undefined ? retryAfter(response, pipeline.clock) : known.retryAfterMs,
      error: envelopeOf(withoutKeys(text, inbound.headers)),
      attempts: outcome?.attempts ?? 0,
    };
  };
  try {
    const response = await pipeline.handle({ ...inbound, controller, onComplete }, seed);
    if (!response.ok) {
      // By now only a refusal has a cause: an error of the provider is still to be read.
      const refused: unknown = (outcome as Outcome | undefined)?.cause;
      return await errored(response, refused, maxAnswerBytes);
    }
    const message = jsonOf(await textOf(response, maxAnswerBytes));
    const { usage, attempts = 0 } = (outcome as Outcome | undefined) ?? {};
    return { type: 'succeeded', message, usage, attempts };
  } catch (error) {
    if (controller.signal.aborted) return { type: 'canceled' };
    const known = PipelineError.is(error) ? error : new PipelineError('internal', { cause: error });
    // Our own words, whose length is known: they always fit.
    return errored(pipeline.refuse(known, inbound), known, Infinity);
  }
}

async function textOf({ body }: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop cancels the rest.
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > maxBytes) throw new PipelineError('answer_too_large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size).toString();
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PipelineError('bad_answer', { cause });
  }
}

/** Whoever reads results finds an envelope, whatever came. */
function envelopeOf(text: string): unknown {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null) return body;
  } catch {
    // No JSON: a page of somebody between.
  }
  return { type: 'error', error: { type: 'api_error', message: text.slice(0, MAX_TEXT_CHARS) } };
}

/** An upstream may repeat the key that it does not accept. Results are kept and passed on: it must not be in them. */
function withoutKeys(text: string, headers: HeaderRecord): string {
  let clean = text;
  for (const name of CREDENTIAL_HEADERS) {
    const key = headers[name]?.replace(/^\w+ +/, '') ?? '';
    if (key.length >= MIN_KEY_CHARS) clean = clean.replaceAll(key, '[key]');
  }
  return clean;
}
