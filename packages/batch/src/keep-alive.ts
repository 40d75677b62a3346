import { MessageChannel, type MessagePort } from 'node:worker_threads';

/**
 * Keeps the process from ending while a batch waits. The timers of a clock do not, so that a program with nothing else to
 * do would end while all calls wait for a retry, a limit or the end of a pause.
 */
export class KeepAlive {
  #port: MessagePort | undefined;
  #held = false;

  /** Whether the process must not end from now on. */
  set held(held: boolean) {
    if (held === this.#held) return;
    this.#held = held;
    this.#port ??= new MessageChannel().port1;
    if (held) this.#port.ref();
    else this.#port.unref();
  }

  /** For good. */
  close(): void {
    this.held = false;
    this.#port?.close();
  }
}
