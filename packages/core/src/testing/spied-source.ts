import type { BodySource } from '../stream/body.ts';
import { Pending, type Wake } from '../stream/pull.ts';

/** What a {@link SpiedSource} delivers; an error breaks it off there. */
export type SpiedPiece = string | Uint8Array | Error | Promise<Uint8Array>;

/** A source that delivers what it is given, and remembers what was done to it. */
export class SpiedSource implements BodySource {
  /** How often it was read from. */
  reads = 0;
  /** Why it was given up last. */
  cancelled: unknown;
  readonly #pieces: SpiedPiece[];
  #pending: Pending<Uint8Array> | undefined;

  constructor(pieces: readonly SpiedPiece[]) {
    this.#pieces = [...pieces];
  }

  pull(wake: Wake): Uint8Array | null | undefined {
    if (this.#pending === undefined) {
      this.reads++;
      const piece = this.#pieces.shift();
      if (piece === undefined) return null;
      if (piece instanceof Error) throw piece;
      if (!(piece instanceof Promise)) return typeof piece === 'string' ? Buffer.from(piece) : piece;
      this.#pending = new Pending(piece);
    }
    const piece = this.#pending.pull(wake);
    if (piece !== undefined) this.#pending = undefined;
    return piece;
  }

  cancel(reason: unknown): void {
    this.cancelled = reason;
  }
}
