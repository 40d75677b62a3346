import type { Clock } from '@sluice/core';
import { ByteBuffer } from '../chain/byte-buffer.ts';
import { type ChainState, newChain, Sealer } from '../chain/chain.ts';
import { newKey } from '../chain/salts.ts';
import { keyText, saltsDigest } from '../files/salts-file.ts';
import { stamp } from '../record/stamp.ts';
import type { AuditBatch } from '../sinks/sink.ts';
import type { Entry } from './queue.ts';

/**
 * Records that wait to be written. They wait as bytes: strings that outlive their call would cost the garbage collector
 * more than to write them does.
 */
export class Pile {
  readonly #clock: Clock;
  readonly #beside = new ByteBuffer();
  /** Where the chain stood before what is waiting. */
  #before: ChainState;
  #sealer: Sealer;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#before = newChain();
    this.#sealer = new Sealer(this.#before, newKey());
  }

  /** Goes on where a chain stood. */
  resume(state: ChainState): void {
    this.#before = state;
    this.#sealer = new Sealer(state, newKey());
  }

  /** The chain as it grows. */
  get sealer(): Sealer {
    return this.#sealer;
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#sealer.bytes + this.#beside.length;
  }

  /** Adds a record. */
  add({ members, digests, beside }: Entry): void {
    const seq = this.#sealer.add(members, digests);
    if (beside !== '') this.#beside.add(`{"seq":${seq},${beside.slice(1)}\n`);
  }

  /** Adds a record of the log's own. */
  addControl(type: string, facts: Readonly<Record<string, string | number>>): void {
    this.add(controlEntry(this.#clock, type, JSON.stringify(facts).slice(1, -1)));
  }

  /** What waits, and what comes, is salted from another key; the chain says which one. */
  changeKey(): void {
    const key = newKey();
    this.#sealer.key = key;
    this.addControl('salts', { digest: saltsDigest(Buffer.from(keyText(key))) });
  }

  /** How many records were taken so far. */
  get taken(): number {
    return this.#before.tree.size;
  }

  /** Everything that waits, as one write. */
  take(): AuditBatch {
    const sealer = this.#sealer;
    const before = this.#before;
    const first = before.tree.size;
    const lines = sealer.take();
    const beside = this.#beside.take();
    const after = sealer.state;
    this.#before = after;
    return { lines, first, count: sealer.size - first, before, after, beside, key: sealer.key };
  }
}

/** A record of the log's own. */
export function controlEntry(clock: Clock, type: string, members: string): Entry {
  return { members: `"type":"${type}",${stamp(clock)},${members}`, beside: '' };
}
