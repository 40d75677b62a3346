/** Called when it is worth pulling again. Tolerate a call too many; never called from within a pull. */
export type Wake = () => void;

/** What can be pulled from: a body by its bytes, an event stream by its batches. */
export interface Pullable<T> {
  /** The next piece; undefined when there is none yet, and `wake` will be called. Throws when there is none any more. */
  pull(wake: Wake): T | undefined;
}

/** Pulls until there is something, for a reader that is a promise itself. Synchronous when it is there already. */
export function readFrom<T>(source: Pullable<T>): T | Promise<T> {
  let wake: Wake | undefined;
  const onWake = (): void => wake?.();
  const first = source.pull(onWake);
  if (first !== undefined) return first;
  return new Promise((resolve, reject) => {
    wake = () => {
      try {
        const value = source.pull(onWake);
        if (value === undefined) return;
        // A call too many must not pull what the next reader waits for.
        wake = undefined;
        resolve(value);
      } catch (error) {
        wake = undefined;
        reject(error as Error);
      }
    };
  });
}

/** The value of a promise as something to pull. */
export class Pending<T> {
  #state: { readonly value: T } | { readonly error: unknown } | undefined;
  #wake: Wake | undefined;

  constructor(promise: Promise<T>) {
    promise.then(
      (value) => {
        this.#settle({ value });
      },
      (error: unknown) => {
        this.#settle({ error });
      },
    );
  }

  /** The value; undefined until there is one. Throws what the promise was rejected with. */
  pull(wake: Wake): T | undefined {
    if (this.#state === undefined) {
      this.#wake = wake;
      return undefined;
    }
    if ('error' in this.#state) throw this.#state.error;
    return this.#state.value;
  }

  #settle(state: { readonly value: T } | { readonly error: unknown }): void {
    this.#state = state;
    this.#wake?.();
  }
}
