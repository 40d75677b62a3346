import type { BodySource } from '../stream/body.ts';

/** What a {@link SpiedSource} delivers; an error breaks it off there. */
export type SpiedPiece = string | Uint8Array | Error | Promise<Uint8Array>;

/** A source that delivers what it is given, and remembers what was done to it. */
export class SpiedSource implements BodySource {
  /** How often it was read from. */
  reads = 0;
  /** Why it was given up last. */
  cancelled: unknown;
  readonly #pieces: SpiedPiece[];

  constructor(pieces: readonly SpiedPiece[]) {
    this.#pieces = [...pieces];
  }

  read(): Uint8Array | null | Promise<Uint8Array | null> {
    this.reads++;
    const piece = this.#pieces.shift();
    if (piece === undefined) return null;
    if (piece instanceof Error) throw piece;
    return typeof piece === 'string' ? Buffer.from(piece) : piece;
  }

  cancel(reason: unknown): void {
    this.cancelled = reason;
  }
}
