import { PipelineError } from '@sluice/core';

/** Encodings that lose nothing: each byte can be told from the text. */
const WHOLE: ReadonlySet<string> = new Set(['latin1', 'binary', 'base64', 'base64url', 'hex']);

/**
 * The bytes of a chunk that became text, because middleware has called `setEncoding()` on the request.
 *
 * @throws PipelineError `body_already_read` when the text no longer tells the bytes.
 */
export function encodedChunk(text: string, encoding: BufferEncoding): Buffer {
  const isUtf8 = encoding === 'utf8' || encoding === 'utf-8';
  // U+FFFD is what bytes that are no UTF-8 become, whichever they were.
  if (WHOLE.has(encoding) || (isUtf8 && !text.includes('\ufffd'))) return Buffer.from(text, encoding);
  throw new PipelineError('body_already_read', {
    cause: new Error(`the bytes of the request body are lost by its setEncoding('${encoding}')`),
  });
}
