import { type Clock, validateOptions, within } from '@sluice/core';
import type { KeyDirectory } from './key-directory.ts';
import * as v from 'valibot';
import { channelOf, DEFAULT_HASH, type RedisListener, type RedisReader } from './redis-client.ts';
import { checkVirtualKey, type VirtualKey } from './virtual-key.ts';

/** Options of `redisKeyDirectory`. */
export interface RedisKeyDirectoryOptions {
  /**
   * The Redis hash that the keys are in.
   *
   * @default "sluice:virtual-keys"
   */
  readonly hash?: string;
  /**
   * How long a key that was looked up is not looked up again, in milliseconds: the longest that a revoked key can still
   * be taken for good when a connection has died without anybody noticing. Otherwise changes are heard of at once.
   *
   * @default 5_000
   */
  readonly cacheMs?: number;
  /**
   * How long Redis may take to answer, in milliseconds.
   *
   * @default 500
   */
  readonly timeoutMs?: number;
  /**
   * While Redis does not answer: how long after they were last looked up keys are still good, in milliseconds. With 0
   * such calls are refused with 503.
   *
   * @default 0
   */
  readonly outageMs?: number;
}

const milliseconds = (least: number) =>
  v.pipe(
    v.number('must be a number of milliseconds'),
    v.finite('must be finite'),
    v.minValue(least, `must be at least ${least}`),
  );
const schema = v.strictObject({
  hash: v.exactOptional(v.pipe(v.string('must be text'), v.minLength(1, 'must not be empty')), DEFAULT_HASH),
  cacheMs: v.exactOptional(milliseconds(0), 5_000),
  timeoutMs: v.exactOptional(milliseconds(1), 500),
  outageMs: v.exactOptional(milliseconds(0), 0),
});

/** Keys that are remembered. What is not there is remembered apart, or strangers could push the real ones out. */
const MAX_KNOWN = 10_000;
const MAX_UNKNOWN = 1_000;
/** How long Redis is left alone after it did not answer, in milliseconds: calls must not wait for it one by one. */
const PAUSE_MS = 1_000;

/** What was found, and when. `epoch` tells whether changes were heard of ever since. */
interface Remembered {
  readonly key: VirtualKey | undefined;
  readonly at: number;
  readonly epoch: number;
}

/**
 * Keys in Redis, as a `redisKeyRegistry` writes them, for all instances of an app. A key that was looked up is
 * remembered for a short time; a change is published, and heard of at once. While there is no connection to hear it by,
 * nothing is remembered, and every call looks its key up.
 *
 * @param redis The user's `ioredis` client or Cluster. It is not closed; the listening duplicate of it is.
 * @throws TypeError When an option is unknown or impossible.
 */
export function redisKeyDirectory(
  redis: RedisReader,
  { clock }: { readonly clock: Clock },
  options: RedisKeyDirectoryOptions = {},
): KeyDirectory {
  return new RedisKeyDirectory(redis, clock, validateOptions('redisKeyDirectory', schema, options));
}

class RedisKeyDirectory implements KeyDirectory {
  readonly #redis: RedisReader;
  readonly #clock: Clock;
  readonly #options: Required<RedisKeyDirectoryOptions>;
  readonly #known = new Map<string, Remembered>();
  readonly #unknown = new Map<string, Remembered>();
  /** One look-up for all calls that want the same key. */
  readonly #asking = new Map<string, Promise<VirtualKey | undefined>>();
  #listener: RedisListener | undefined;
  #listening = false;
  /** Counts what may have changed anything: a lost connection, a change that was heard of. */
  #epoch = 0;
  #changes = 0;
  #pausedUntil = -Infinity;

  constructor(redis: RedisReader, clock: Clock, options: Required<RedisKeyDirectoryOptions>) {
    this.#redis = redis;
    this.#clock = clock;
    this.#options = options;
  }

  /** Does not wait for the connection: without it keys are looked up all the same. */
  start(): void {
    const listener = this.#redis.duplicate();
    this.#listener = listener;
    listener.on('message', this.#onChange);
    listener.on('close', () => {
      this.#listening = false;
      this.#epoch++;
    });
    listener.on('ready', () => void this.#listen(listener));
    // ioredis tells of every failed connection. What follows from it is that nothing is remembered.
    listener.on('error', () => undefined);
    void this.#listen(listener);
  }

  close(): void {
    this.#listener?.disconnect();
  }

  find(id: string): VirtualKey | undefined | Promise<VirtualKey | undefined> {
    const found = this.#known.get(id) ?? this.#unknown.get(id);
    if (found !== undefined && this.#isFresh(found)) return found.key;
    const asked = this.#asking.get(id);
    if (asked !== undefined) return asked;
    const asking = this.#ask(id, found).finally(() => {
      if (this.#asking.get(id) === asking) this.#asking.delete(id);
    });
    this.#asking.set(id, asking);
    return asking;
  }

  async #listen(listener: RedisListener): Promise<void> {
    const epoch = this.#epoch;
    try {
      await listener.subscribe(channelOf(this.#options.hash));
      // Changes may have been missed until now.
      if (epoch === this.#epoch) {
        this.#epoch++;
        this.#listening = true;
      }
    } catch {
      // There will be another 'ready'.
    }
  }

  readonly #onChange = (_channel: string, id: string): void => {
    this.#changes++;
    this.#known.delete(id);
    this.#unknown.delete(id);
    // Whoever asks from now on must not join a look-up that began before the change.
    this.#asking.delete(id);
  };

  #isFresh({ at, epoch }: Remembered): boolean {
    return this.#listening && epoch === this.#epoch && this.#clock.now() - at < this.#options.cacheMs;
  }

  async #ask(id: string, before: Remembered | undefined): Promise<VirtualKey | undefined> {
    const { timeoutMs, outageMs } = this.#options;
    const [epoch, changes, at] = [this.#epoch, this.#changes, this.#clock.now()];
    try {
      if (at < this.#pausedUntil) throw new Error('Redis did not answer a moment ago');
      const text = await within(this.#redis.hget(this.#options.hash, id), this.#clock, timeoutMs);
      const key = text === null ? undefined : readKey(id, text);
      if (changes === this.#changes) this.#remember(id, { key, at, epoch });
      return key;
    } catch (error) {
      if (at >= this.#pausedUntil) this.#pausedUntil = this.#clock.now() + PAUSE_MS;
      if (before?.key !== undefined && at - before.at < outageMs) return before.key;
      throw error;
    }
  }

  #remember(id: string, found: Remembered): void {
    const [map, max] = found.key === undefined ? [this.#unknown, MAX_UNKNOWN] : [this.#known, MAX_KNOWN];
    this.#known.delete(id);
    this.#unknown.delete(id);
    const [oldest] = map.keys();
    if (map.size >= max && oldest !== undefined) map.delete(oldest);
    map.set(id, found);
  }
}

/** What somebody else may have written is looked at closely; what is no key is as good as none. */
function readKey(id: string, text: string): VirtualKey | undefined {
  try {
    const key = checkVirtualKey(JSON.parse(text));
    if (key.id === id) return key;
  } catch {
    // Told below.
  }
  process.emitWarning(`what Redis holds as the virtual key ${id} is none`, 'SluiceWarning');
  return undefined;
}
