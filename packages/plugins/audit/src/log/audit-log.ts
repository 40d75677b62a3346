import type { Clock, TimerHandle } from '@sluice/core';
import type { AuditBatch, AuditSink, SinkEvent } from '../sinks/sink.ts';
import { holdMember } from '../retention/hold-on-record.ts';
import { Checkpoints } from './checkpoints.ts';
import { Delivery } from './delivery.ts';
import { Gap } from './gap.ts';
import { KeepAlive } from './keep-alive.ts';
import { Pause } from './pause.ts';
import { controlEntry, Pile } from './pile.ts';
import { type Entry, Group, sizeOf } from './queue.ts';
import type { LogSettings } from './settings.ts';
import { LogUnavailable } from './unavailable.ts';

/** This much is written without waiting for the next turn. */
const WRITE_AT_BYTES = 256 * 1024;

/**
 * One chain of records and the sinks that it goes to. Whatever waits while a write is under way goes with the next one
 * (group commit), so that one fdatasync serves many calls.
 */
export class AuditLog {
  readonly #clock: Clock;
  readonly #settings: LogSettings;
  readonly #delivery: Delivery;
  readonly #checkpoints: Checkpoints;
  readonly #writer: string;
  readonly #pile: Pile;
  #next = new Group();
  /** What is being written. */
  #current: Group | undefined;
  #writingBytes = 0;
  #running: Promise<void> | undefined;
  readonly #pause = new Pause();
  #timer: TimerHandle;
  #lastWriteAt = -Infinity;
  /** Rejects the calls that wait when there is no end to it. */
  #patience: TimerHandle;
  #room: Group | undefined;
  readonly #gap: Gap;
  readonly #keepAlive = new KeepAlive();
  #state: 'new' | 'open' | 'closing' | 'closed' = 'new';
  readonly #events: SinkEvent[] = [];
  /** Records that there was no more time for. */
  #lost = 0;

  /** @param writer Identifies this run of the program in the chain. */
  constructor(sinks: readonly AuditSink[], settings: LogSettings, clock: Clock, writer: string) {
    this.#clock = clock;
    this.#settings = settings;
    this.#writer = writer;
    this.#gap = new Gap(clock);
    this.#checkpoints = new Checkpoints(settings, clock);
    this.#delivery = new Delivery(sinks, settings.alert, clock);
    this.#pile = new Pile(clock);
  }

  /** Whether a sink has refused what was last to be written. */
  get failing(): boolean {
    return this.#delivery.failing;
  }

  /** Opens the sinks, goes on where the chain stood, and writes that it does. */
  async start(): Promise<void> {
    const state = await this.#delivery.start((event) => {
      const { type, code, facts } = event;
      this.#events.push(event);
      this.#settings.alert({ type, facts: { code, ...facts } });
    });
    if (state !== undefined) this.#pile.resume(state);
    this.#checkpoints.resume(this.#pile.sealer.size);
    this.#state = 'open';
    const { legalHold } = this.#settings;
    const hold = legalHold === undefined ? '' : `,${holdMember(legalHold)}`;
    const members = `"writer":"${this.#writer}","process":${process.pid}${hold}`;
    try {
      // Not to be waited for: who starts a program wants to hear of a full disk.
      await this.#push(controlEntry(this.#clock, 'start', members)).accepted;
    } catch (error) {
      this.#state = 'closed';
      this.#delivery.hurry(0);
      await this.#running;
      await this.#delivery.close().catch(() => undefined);
      this.#keepAlive.close();
      throw error;
    }
  }

  /**
   * Takes the record without which a call must not go on. Returns nothing, or resolves, when it may go on.
   *
   * @throws LogUnavailable When the policy is to refuse the call.
   */
  admit(entry: Entry): undefined | Promise<void> {
    if (this.#state !== 'open') throw new LogUnavailable(false);
    if (this.#isStuck(entry)) return this.#admitLater(entry);
    const urgent = this.#settings.durability === 'sync';
    const group = this.#push(entry, urgent);
    return urgent ? this.#accepted(group) : undefined;
  }

  /** Takes a record in any case, but for `drop`. Resolves when it is written. */
  append(entry: Entry): Promise<void> {
    const { onOverflow, maxQueueBytes } = this.#settings;
    if (this.#state === 'closed') return Promise.reject(new LogUnavailable(false));
    if (onOverflow === 'drop' && this.#queuedBytes > maxQueueBytes) {
      this.#gap.drop();
      return Promise.resolve();
    }
    return this.#push(entry).written;
  }

  /** Adds a record of the log's own, with `drop` too: without it, what is erased next would look like tampering. */
  control(type: string, members: string): Promise<void> {
    if (this.#state === 'closed') return Promise.reject(new LogUnavailable(false));
    return this.#push(controlEntry(this.#clock, type, members)).written;
  }

  /** Does something while nothing is under way to the sinks; it is told how many records have gone there. */
  between<T>(work: (size: number) => Promise<T>): Promise<T> {
    return this.#pause.during(this.#current?.written, () => work(this.#pile.taken));
  }

  /** Writes what is left, says that the end is the end, and closes the sinks. */
  async close(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'closing';
      this.#delivery.hurry();
      this.#keepAlive.hold();
      // What happens during the last write is worth another one, but not for ever.
      for (let turn = 0; turn < 3 && (turn === 0 || this.#events.length > 0); turn++) {
        this.#sealEvents();
        this.#push(controlEntry(this.#clock, 'stop', `"writer":"${this.#writer}"`));
        await this.#flush();
      }
    }
    this.#state = 'closed';
    this.#clock.clearTimeout(this.#timer);
    this.#clock.clearTimeout(this.#patience);
    await this.#checkpoints.settled();
    try {
      await this.#delivery.close();
    } finally {
      this.#keepAlive.close();
    }
    if (this.#lost > 0)
      throw new Error(`${this.#lost} records could not be written before the audit log was closed`);
  }

  #push(entry: Entry, urgent = false): Group {
    this.#pile.add(entry);
    this.#next.used = true;
    if (urgent) this.#next.urgent = true;
    if (!this.#delivery.failing) this.#keepAlive.hold();
    this.#schedule();
    return this.#next;
  }

  #schedule(): void {
    if (this.#running !== undefined || this.#state === 'new') return;
    const { urgent } = this.#next;
    if (this.#timer !== undefined && !urgent && this.#queuedBytes < WRITE_AT_BYTES && this.#state === 'open')
      return;
    const waitMs =
      urgent || this.#queuedBytes >= WRITE_AT_BYTES || this.#state === 'closing'
        ? 0
        : this.#lastWriteAt + this.#settings.writeEveryMs - this.#clock.now();
    if (waitMs <= 0) this.#running = this.#run();
    else
      this.#timer ??= this.#clock.setTimeout(() => {
        this.#timer = undefined;
        this.#running ??= this.#run();
      }, waitMs);
  }

  async #run(): Promise<void> {
    // What comes in the same turn goes along.
    await Promise.resolve();
    while (this.#pause.over !== undefined) await this.#pause.over;
    const group = this.#next;
    this.#next = new Group();
    this.#lastWriteAt = this.#clock.now();
    const batch = this.#take();
    this.#current = group;
    try {
      await this.#delivery.write(batch, (error) => {
        group.disappoint(error);
        this.#next.disappoint(error);
        if (this.#state === 'open') this.#keepAlive.release();
      });
      group.succeed();
      this.#checkpoints.written();
    } catch (error) {
      this.#lost += batch.count;
      group.fail(error as Error);
    }
    this.#writingBytes = 0;
    this.#room?.succeed();
    this.#room = undefined;
    this.#clock.clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#running = undefined;
    this.#current = undefined;
    if (!this.#next.used) this.#keepAlive.release();
    else {
      this.#schedule();
      if (this.#next.urgent) this.#bePatient();
    }
  }

  #take(): AuditBatch {
    const pile = this.#pile;
    if (this.#delivery.wantsKey) pile.changeKey();
    // When closing, they stand before the record that says so.
    if (this.#state === 'open') this.#sealEvents();
    if (this.#checkpoints.isDue(pile.sealer.size, this.#state === 'closing'))
      this.#checkpoints.add(pile.sealer);
    this.#writingBytes = pile.bytes;
    return pile.take();
  }

  #sealEvents(): void {
    for (const { type, code, facts } of this.#events.splice(0))
      this.#pile.addControl(type, { code, ...facts });
    const gap = this.#gap.take();
    if (gap === undefined) return;
    this.#pile.addControl('gap', gap);
    this.#settings.alert({ type: 'gap', facts: gap });
  }

  /** Bytes that are not written yet. */
  get #queuedBytes(): number {
    return this.#writingBytes + this.#pile.bytes;
  }

  #isStuck(entry: Entry): boolean {
    const { maxQueueBytes, durability } = this.#settings;
    if (this.#queuedBytes + sizeOf(entry) > maxQueueBytes) return true;
    return durability === 'sync' && this.#delivery.failing;
  }

  async #admitLater(entry: Entry): Promise<void> {
    const { onOverflow, durability, maxBlockMs } = this.#settings;
    if (onOverflow === 'drop') {
      this.#gap.drop();
      return;
    }
    const until = this.#clock.now() + (onOverflow === 'shed' ? 0 : maxBlockMs);
    do {
      if (this.#clock.now() >= until || !(await this.#roomComes())) throw this.#refuse();
    } while (this.#isStuck(entry));
    if (this.#state !== 'open') throw this.#refuse();
    const group = this.#push(entry, durability === 'sync');
    if (group.urgent) await this.#accepted(group);
  }

  async #accepted(group: Group): Promise<void> {
    this.#bePatient();
    try {
      await group.accepted;
    } catch (error) {
      if (this.#settings.onOverflow === 'drop') return;
      throw error instanceof LogUnavailable ? error : new LogUnavailable(true);
    }
  }

  async #flush(): Promise<void> {
    while (this.#running !== undefined || this.#next.used) {
      this.#schedule();
      await this.#running;
    }
  }

  #refuse(): LogUnavailable {
    this.#gap.refuse();
    return new LogUnavailable(false);
  }

  async #roomComes(): Promise<boolean> {
    this.#room ??= new Group();
    const { accepted } = this.#room;
    this.#bePatient();
    return accepted.then(
      () => true,
      () => false,
    );
  }

  /** One timer for all that wait: whoever came last waits a little less. */
  #bePatient(): void {
    this.#patience ??= this.#clock.setTimeout(() => {
      this.#patience = undefined;
      const error = new LogUnavailable(true);
      this.#current?.disappoint(error);
      this.#next.disappoint(error);
      this.#room?.disappoint(error);
      this.#room = undefined;
    }, this.#settings.maxBlockMs);
  }
}
