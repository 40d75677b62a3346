import { MessageChannel, type MessagePort } from 'node:worker_threads';

/**
 * Keeps the process from ending while records wait to be written: the pipeline's timers do not, and a program that has
 * nothing else to do would end before they are due.
 */
export class KeepAlive {
  readonly #port: MessagePort;
  #held = false;

  constructor() {
    this.#port = new MessageChannel().port1;
    this.#port.unref();
  }

  /** From now on. */
  hold(): void {
    if (this.#held) return;
    this.#held = true;
    this.#port.ref();
  }

  /** Nothing waits, or there is no hope. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#port.unref();
  }

  /** For good. */
  close(): void {
    this.release();
    this.#port.close();
  }
}
