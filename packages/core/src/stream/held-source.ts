import type { PipelineError } from '../errors.ts';
import type { BodySource } from './body.ts';
import type { Wake } from './pull.ts';

/** Bytes read ahead, then the rest. */
export class HeldSource implements BodySource {
  readonly #held: Uint8Array[];
  readonly #rest: BodySource;
  readonly #failure: { readonly error: unknown } | undefined;

  /** @param failure What a read ahead met: whoever reads on shall meet it at the same place. */
  constructor(held: Uint8Array[], rest: BodySource, failure?: { readonly error: unknown }) {
    this.#held = held;
    this.#rest = rest;
    this.#failure = failure;
  }

  get terminated(): PipelineError | undefined {
    return this.#rest.terminated;
  }

  pull(wake: Wake): Uint8Array | null | undefined {
    const chunk = this.#held.shift();
    if (chunk !== undefined) return chunk;
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#rest.pull(wake);
  }

  cancel(reason: unknown): void {
    this.#held.length = 0;
    this.#rest.cancel(reason);
  }
}
