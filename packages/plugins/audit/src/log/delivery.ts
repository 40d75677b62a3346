import type { Clock } from '@sluice/core';
import { type ChainState, newChain } from '../chain/chain.ts';
import type { AuditBatch, AuditSink, SinkTools } from '../sinks/sink.ts';
import type { AuditAlert } from './settings.ts';

const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 5_000;
const CLOSING_RETRY_MS = 200;
/** Below the pipeline's own limit for closing one part. */
const CLOSE_WITHIN_MS = 4_000;

/** Brings batches to all sinks, and again to those that failed. */
export class Delivery {
  readonly #sinks: readonly AuditSink[];
  readonly #alert: (alert: AuditAlert) => void;
  readonly #clock: Clock;
  readonly #failing = new Set<AuditSink>();
  #giveUpAt = Infinity;
  /** Those that wait to try again: one for each sink that fails. */
  readonly #waiting = new Set<() => void>();

  constructor(sinks: readonly AuditSink[], alert: (alert: AuditAlert) => void, clock: Clock) {
    this.#sinks = sinks;
    this.#alert = alert;
    this.#clock = clock;
  }

  /** Whether a sink has refused the batch at hand. */
  get failing(): boolean {
    return this.#failing.size > 0;
  }

  /** Whether a sink begins something new with the next batch, for which it wants a key of its own. */
  get wantsKey(): boolean {
    for (const sink of this.#sinks) if (sink.wantsKey === true) return true;
    return false;
  }

  /** Opens the sinks in order. */
  async start(report: SinkTools['report']): Promise<ChainState | undefined> {
    const open: AuditSink[] = [];
    let state: ChainState | undefined;
    try {
      for (const sink of this.#sinks) {
        open.push(sink);
        const held = await sink.start?.({ clock: this.#clock, report });
        state ??= held;
      }
      const chosen = state ?? newChain();
      for (const sink of this.#sinks) await sink.resume?.(chosen);
    } catch (error) {
      await Promise.allSettled(open.map(async (one) => one.close?.()));
      throw error;
    }
    return state;
  }

  /**
   * Resolves when every sink has the batch.
   *
   * @param stuck Told when it will take longer.
   * @throws Only when closing was to be over by now.
   */
  async write(batch: AuditBatch, stuck: (error: Error) => void): Promise<void> {
    const [only] = this.#sinks;
    if (only !== undefined && this.#sinks.length === 1) await this.#writeTo(only, batch, stuck);
    else await Promise.all(this.#sinks.map((sink) => this.#writeTo(sink, batch, stuck)));
  }

  /** From now on there is an end to trying. */
  hurry(withinMs: number = CLOSE_WITHIN_MS): void {
    this.#giveUpAt = this.#clock.now() + withinMs;
    for (const wake of this.#waiting) wake();
  }

  /** Closes the sinks. */
  async close(): Promise<void> {
    const closed = await Promise.allSettled(this.#sinks.map(async (sink) => sink.close?.()));
    const errors = closed.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    if (errors.length > 0) throw new AggregateError(errors, 'the audit log was not closed properly');
  }

  async #writeTo(sink: AuditSink, batch: AuditBatch, stuck: (error: Error) => void): Promise<void> {
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(retryMs * 2, LAST_RETRY_MS)) {
      try {
        await sink.write(batch);
        if (this.#failing.delete(sink)) this.#alert({ type: 'write-resumed', facts: { sink: sink.name } });
        return;
      } catch (error) {
        if (!this.#failing.has(sink))
          this.#alert({ type: 'write-failed', facts: { sink: sink.name, records: batch.count }, error });
        this.#failing.add(sink);
        stuck(error as Error);
        if (this.#clock.now() >= this.#giveUpAt) throw error;
      }
      await this.#pause(this.#giveUpAt === Infinity ? retryMs : CLOSING_RETRY_MS);
    }
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#clock.clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = this.#clock.setTimeout(wake, ms);
      this.#waiting.add(wake);
    });
  }
}
