import type { Context } from '../context.ts';
import { PipelineError } from '../errors.ts';
import type { ApiRequest } from '../request.ts';
import { answerResponse } from '../stream/answer.ts';
import type { BodySource } from '../stream/body.ts';
import { Pending, type Wake } from '../stream/pull.ts';
import { DEFAULT_SSE_LIMITS } from '../stream/sse-decoder.ts';
import { upstreamFailure } from '../transport/failure.ts';

/** A piece of an answer as it arrives: bytes; an error, which cuts it there; a promise of either, until then silence. */
export type AnswerPiece = string | Uint8Array | Error | Promise<string | Uint8Array | Error>;

/** What a {@link streamAnswer} is beside its pieces. */
export interface StreamAnswerOptions {
  /** Default: 200. */
  readonly status?: number;
  /** Laid over `content-type: text/event-stream`. Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Called each time a piece is asked for: how far the pipeline has read. */
  readonly onRead?: () => void;
  /** Called when the pipeline gives the rest up: a real upstream would see its connection closed. */
  readonly onCancel?: (reason: unknown) => void;
}

/**
 * An answer for `scriptedTransport` that arrives in pieces and is read in the call's format, as over a socket: the
 * commit point, stream hooks and the outcome work. Where the last piece ends, the stream ends.
 *
 * @param pieces Text such as `anthropicStream()` or `sse()` make; an iterable is pulled from as the body is read.
 */
export function streamAnswer(
  pieces: string | Iterable<AnswerPiece>,
  options: StreamAnswerOptions = {},
): (request: ApiRequest, ctx: Context) => Response {
  return (request, ctx) => {
    const source = new PieceSource(typeof pieces === 'string' ? [pieces] : pieces, request.signal, options);
    return answerResponse({
      status: options.status ?? 200,
      statusText: '',
      headers: { 'content-type': 'text/event-stream; charset=utf-8', ...options.headers },
      source,
      format: ctx.format,
      limits: DEFAULT_SSE_LIMITS,
    }).response;
  };
}

/** Ends like a connection does: by its last piece, by an error, by the call's signal, by its reader. */
class PieceSource implements BodySource {
  readonly #pieces: Iterator<AnswerPiece>;
  readonly #options: StreamAnswerOptions;
  readonly #signal: AbortSignal;
  #ended = false;
  #failure: PipelineError | undefined;
  #pending: Pending<string | Uint8Array | Error> | undefined;
  #wake: Wake | undefined;

  constructor(pieces: Iterable<AnswerPiece>, signal: AbortSignal, options: StreamAnswerOptions) {
    this.#pieces = pieces[Symbol.iterator]();
    this.#signal = signal;
    this.#options = options;
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  pull(wake: Wake): Uint8Array | null | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#ended) return null;
    if (this.#pending === undefined) {
      this.#options.onRead?.();
      const { done, value } = this.#pieces.next();
      if (done === true) {
        this.#end();
        return null;
      }
      if (!(value instanceof Promise)) return this.#take(value);
      this.#pending = new Pending(value);
    }
    this.#wake = wake;
    const piece = this.#pending.pull(wake);
    if (piece === undefined) return undefined;
    this.#pending = undefined;
    return this.#take(piece);
  }

  cancel(reason: unknown): void {
    if (this.#ended || this.#failure !== undefined) return;
    this.#fail(PipelineError.is(reason) ? reason : new PipelineError('client_abort', { cause: reason }));
    this.#options.onCancel?.(reason);
  }

  #take(piece: string | Uint8Array | Error): Uint8Array {
    if (typeof piece === 'string') return Buffer.from(piece);
    if (!(piece instanceof Error)) return piece;
    const error = upstreamFailure(piece, true);
    this.#fail(error);
    throw error;
  }

  readonly #onAbort = (): void => {
    this.cancel(this.#signal.reason);
  };

  #fail(error: PipelineError): void {
    this.#failure = error;
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#wake?.();
  }

  #end(): void {
    this.#ended = true;
    this.#signal.removeEventListener('abort', this.#onAbort);
  }
}
