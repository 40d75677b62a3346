import type { Clock } from '@sluice/core';
import type { Sealer } from '../chain/chain.ts';
import { toText } from '../chain/chain.ts';
import { writeNote } from '../chain/note.ts';
import { stamp } from '../record/stamp.ts';
import type { LogSettings } from './settings.ts';

type Settings = Pick<
  LogSettings,
  'origin' | 'signer' | 'checkpointEveryRecords' | 'checkpointEveryMs' | 'publish' | 'alert'
>;

/** Puts signed tree heads into the chain, and into a second place. */
export class Checkpoints {
  readonly #settings: Settings;
  readonly #clock: Clock;
  #lastSize = 0;
  #lastAt: number;
  /** Notes in the chain that are not written yet. */
  #unwritten: string | undefined;
  #waiting: string | undefined;
  #publishing: Promise<void> | undefined;

  constructor(settings: Settings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
    this.#lastAt = clock.now();
  }

  /** Goes on where a chain stood. */
  resume(size: number): void {
    this.#lastSize = size;
  }

  /** Whether the records since the last checkpoint are worth another; at the end, any are. */
  isDue(size: number, atEnd: boolean): boolean {
    const { checkpointEveryRecords, checkpointEveryMs } = this.#settings;
    const news = size - this.#lastSize;
    if (news <= 0 || checkpointEveryRecords === Infinity) return false;
    return atEnd || news >= checkpointEveryRecords || this.#clock.now() - this.#lastAt >= checkpointEveryMs;
  }

  /** Adds a checkpoint over everything sealed so far. */
  add(sealer: Sealer): void {
    const { origin, signer } = this.#settings;
    const { tree } = sealer.state;
    const { size } = tree;
    const root = tree.root();
    const note = writeNote({ origin, size, root }, signer);
    sealer.add(
      `"type":"checkpoint",${stamp(this.#clock)},"size":${size},"root":"${toText(root)}","note":${JSON.stringify(note)}`,
    );
    // Its own record is no news.
    this.#lastSize = size + 1;
    this.#lastAt = this.#clock.now();
    this.#unwritten = note;
  }

  /** Everything sealed is written: what it says is true from now on, and may be told. */
  written(): void {
    const note = this.#unwritten;
    this.#unwritten = undefined;
    if (note === undefined || this.#settings.publish === undefined) return;
    // The newest says all that older ones would.
    this.#waiting = note;
    this.#publishing ??= this.#publishAll(this.#settings.publish);
  }

  /** Resolves when everything is published, or has failed to be. */
  async settled(): Promise<void> {
    await this.#publishing;
  }

  async #publishAll(publish: NonNullable<Settings['publish']>): Promise<void> {
    while (this.#waiting !== undefined) {
      const note = this.#waiting;
      this.#waiting = undefined;
      try {
        await publish(note);
      } catch (error) {
        this.#settings.alert({ type: 'publish-failed', facts: {}, error });
      }
    }
    this.#publishing = undefined;
  }
}
