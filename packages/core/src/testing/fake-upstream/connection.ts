import type { Socket } from 'node:net';
import type { Ending } from './behaviours/connection-behaviours.ts';

/** A client's connection to the fake upstream. */
export class Connection {
  /** Counted from 1 since the start. */
  readonly id: number;
  readonly socket: Socket;
  /** Set by `keep-alive-race`: how the connection ends as soon as one more request arrives. */
  endOnNextRequest: Ending | undefined;
  #lost = false;
  #turn: Promise<void> = Promise.resolve();
  readonly #listeners = new Set<() => void>();

  constructor(id: number, socket: Socket) {
    this.id = id;
    this.socket = socket;
    // Pieces that are written apart are to arrive apart.
    socket.setNoDelay(true);
    // An error is always followed by 'close', which is all that matters here.
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#lost = true;
      for (const listener of this.#listeners) listener();
      this.#listeners.clear();
    });
  }

  /** True once the connection is closed, by whichever side. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Calls `listener` once when the connection closes. Returns how to withdraw it. */
  onLost(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Runs `task` when all earlier tasks are over, so that pipelined requests are answered in order. */
  inTurn(task: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(task);
    this.#turn = done.catch(() => {});
    return done;
  }
}
