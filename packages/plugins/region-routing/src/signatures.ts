import {
  type ApiRequest,
  type Context,
  type Format,
  isEventStream,
  observeStream,
  readJson,
  type SseEvent,
} from '@sluice/core';
import type { SignatureOrigins } from './signature-origins.ts';

/** Whole answers up to this size are searched; the bytes are kept until then. */
const MAX_ANSWER_BYTES = 1 << 20;

/** The group of endpoints that signed the thinking in a conversation; undefined when none did, or it is forgotten. */
export function signerOf(
  request: ApiRequest,
  { format }: Context,
  origins: SignatureOrigins,
): string | undefined {
  if (origins.empty || format?.signatures === undefined || request.body === null) return undefined;
  try {
    return origins.groupOf(format.signatures(readJson(request)));
  } catch {
    // No JSON: the upstream will say so.
    return undefined;
  }
}

/** Takes note of what a group signs in an answer. */
export function noteSignatures(
  response: Response,
  { format }: Context,
  group: string,
  origins: SignatureOrigins,
): Response {
  if (format?.signatures === undefined || response.status > 299) return response;
  const remember = (signature: string): void => {
    origins.remember(signature, group);
  };
  if (!isEventStream(response)) return observeStream(response, new AnswerSearch(format, remember));
  return observeStream(response, {
    event: (event: SseEvent) => {
      for (const signature of format.eventSignatures?.(event) ?? []) remember(signature);
    },
  });
}

/** Collects an answer, within bounds, and searches it at its end. */
class AnswerSearch {
  readonly #format: Format;
  readonly #remember: (signature: string) => void;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(format: Format, remember: (signature: string) => void) {
    this.#format = format;
    this.#remember = remember;
  }

  chunk(bytes: Uint8Array): void {
    this.#length += bytes.length;
    if (this.#length > MAX_ANSWER_BYTES) this.#chunks.length = 0;
    else this.#chunks.push(Buffer.from(bytes));
  }

  end(): void {
    if (this.#length > MAX_ANSWER_BYTES) return;
    let body: unknown;
    try {
      body = JSON.parse(Buffer.concat(this.#chunks).toString());
    } catch {
      return;
    }
    for (const signature of this.#format.signatures?.(body) ?? []) this.#remember(signature);
  }
}
