/** Holds writing up while something else has the sinks to itself. */
export class Pause {
  #over: Promise<void> | undefined;

  /** Resolves when nothing holds writing up any more; undefined when nothing does. */
  get over(): Promise<void> | undefined {
    return this.#over;
  }

  /** Does something when what is being written is, and holds up the rest meanwhile. */
  async during<T>(written: Promise<void> | undefined, work: () => Promise<T>): Promise<T> {
    const done = Promise.allSettled([this.#over, written]).then(work);
    const over = done.then(
      () => undefined,
      () => undefined,
    );
    this.#over = over;
    void over.then(() => {
      if (this.#over === over) this.#over = undefined;
    });
    return done;
  }
}
