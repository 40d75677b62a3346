import { PipelineError } from '../errors.ts';
import { LazyResponse } from './lazy-response.ts';
import { discard, peekBytes } from './peek.ts';

/** A longer error is not looked through, and so not handed on. */
const MAX_SEARCHED_BYTES = 1024 * 1024;
/** What is shorter is a placeholder (`none`, `EMPTY`) that any text may hold. */
const MIN_SECRET_LENGTH = 8;

/**
 * Keeps the operator's secret from the caller: some proxies answer an error with the request's own headers. For error
 * answers to requests that carry it; the bytes stay as they are.
 *
 * @param secret What is shorter than 8 characters is not looked for.
 * @param plugin Whose secret it is.
 * @throws PipelineError In the place of an answer that quotes the secret in its headers or its body, or whose body is
 *   longer than 1 MiB: `forbidden` for a 403, else `bad_answer`.
 */
export async function refuseEcho(response: Response, secret: string, plugin: string): Promise<void> {
  if (secret.length < MIN_SECRET_LENGTH) return;
  const body = await peekBytes(response, MAX_SEARCHED_BYTES);
  const quoted =
    (body !== undefined && quotes(body.bytes, secret)) ||
    Object.values(LazyResponse.headerRecord(response)).some((value) => value.includes(secret));
  if (!quoted && body !== undefined && body.end !== 'more') return;
  await discard(response);
  const why = quoted ? 'quoted the key' : 'is too long to be searched for the key';
  const cause = `an error answer (${response.status}) ${why}`;
  // No other endpoint may be asked what the provider has forbidden here.
  throw response.status === 403
    ? new PipelineError('forbidden', { plugin, cause, message: 'The upstream does not allow this.' })
    : new PipelineError('bad_answer', { plugin, retryable: false, cause });
}

function quotes(bytes: Buffer, secret: string): boolean {
  if (bytes.includes(secret)) return true;
  try {
    // Parsed and put together again, so that no escape hides it.
    const plain = JSON.stringify(JSON.parse(bytes.toString()));
    return plain.includes(JSON.stringify(secret).slice(1, -1));
  } catch {
    return false;
  }
}
