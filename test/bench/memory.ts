import { setTimeout as sleep } from 'node:timers/promises';
import { Caller } from './caller.ts';
import { EXCHANGES } from './canned.ts';
import { SubjectError, SubjectProcess } from './child.ts';
import type { Upstream } from './upstream.ts';

/** What the live streams of one subject took. */
export interface Memory {
  readonly subject: string;
  readonly streams: number;
  /** Resident memory of the process before the first call, in MiB. */
  readonly idleMiB: number;
  /** The most it had while all streams were live, in MiB. */
  readonly liveMiB: number;
  readonly kibPerStream: number;
}

/** Streams that are live at the same time. */
const STREAMS = 4_000;

/** Each gets an event so often, so that none ends before the last has begun, and the memory in use is in motion. */
const PACE_MS = 2_000;

/** How many start together; more would overflow the queue of connections that are not accepted yet. */
const AT_ONCE = 100;

/** All have to be live by then: the first ones have 16 events left. */
const OPEN_MS = 60_000;

/** When so few have not begun by then, no more will: the subject has a limit of its own. */
const STALL_MS = 10_000;

/** How long all are watched once they are live. */
const WATCH_MS = 4_000;
const LOOK_MS = 200;

/** Opens live streams through a new process of a subject, and watches its memory. */
export async function measureMemory(name: string, upstream: Upstream): Promise<Memory> {
  const subject = await SubjectProcess.start(name, upstream.url);
  const streams: Stream[] = [];
  const paceMs = upstream.paceMs;
  upstream.paceMs = PACE_MS;
  try {
    const idle = await subject.rssBytes();
    const deadlineMs = performance.now() + OPEN_MS;
    while (streams.length < STREAMS) {
      const stallMs = performance.now() + STALL_MS;
      const some = await Promise.all(Array.from({ length: AT_ONCE }, () => Stream.open(subject, upstream)));
      streams.push(...some);
      await Promise.all(some.map((stream) => stream.begins(Math.min(deadlineMs, stallMs))));
    }
    let live = 0;
    for (let passedMs = 0; passedMs < WATCH_MS; passedMs += LOOK_MS) {
      await sleep(LOOK_MS);
      live = Math.max(live, await subject.rssBytes());
    }
    for (const stream of streams) stream.checkLive();
    const kibPerStream = Math.round((live - idle) / 1024 / STREAMS);
    return { subject: name, streams: STREAMS, idleMiB: toMiB(idle), liveMiB: toMiB(live), kibPerStream };
  } catch (error) {
    throw new SubjectError(name, error);
  } finally {
    upstream.paceMs = paceMs;
    for (const stream of streams) stream.close();
    subject.kill();
  }
}

function toMiB(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

/** A stream that shall not end while it is watched. */
class Stream {
  readonly #caller: Caller;
  #ended: Error | undefined;

  private constructor(caller: Caller) {
    this.#caller = caller;
    caller.call(
      () => (this.#ended = new Error('a stream ended before all had begun')),
      (error) => (this.#ended = error),
    );
  }

  static async open({ port, requestHeaders }: SubjectProcess, upstream: Upstream): Promise<Stream> {
    return new Stream(
      await Caller.open({ port, headers: requestHeaders, exchange: EXCHANGES.sse, upstream }),
    );
  }

  /** Waits for the first event. */
  async begins(deadlineMs: number): Promise<void> {
    while (this.#caller.receivedBytes === 0) {
      this.checkLive();
      if (performance.now() > deadlineMs) throw new Error(`it did not get ${STREAMS} streams live in time`);
      await sleep(5);
    }
  }

  checkLive(): void {
    if (this.#ended) throw this.#ended;
  }

  close(): void {
    this.#caller.close();
  }
}
