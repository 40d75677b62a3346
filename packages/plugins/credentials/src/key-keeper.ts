import { type Clock, type Random, within } from '@sluice/core';
import { type CredentialSource, load, type Loaded } from './credential-source.ts';
import type { Tell } from './credential-event.ts';
import type { KeyVersion, UpstreamKey } from './upstream-key.ts';

/** How much of a secret's life is left at most when a new one is fetched, in milliseconds. */
const MAX_LEAD_MS = 300_000;
/** The same as a share of its life. */
const LEAD_SHARE = 0.2;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;
/** A source is not asked again sooner because the upstream refused its key: refusals come by the hundred. */
const REFUSED_AGAIN_MS = 10_000;

/** How a key is kept fresh. */
export interface KeeperSettings {
  readonly overlapMs: number;
  readonly loadTimeoutMs: number;
}

/** Loads one key from its source, again before it expires and whenever it changes. One load at a time. */
export class KeyKeeper {
  readonly #key: UpstreamKey;
  readonly #source: CredentialSource;
  readonly #settings: KeeperSettings;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #tell: Tell;
  #stopWatching: (() => void) | undefined;
  #closed: AbortController | undefined;
  #loading: Promise<boolean> | undefined;
  #timer: unknown;
  #failures = 0;
  #askedAt = -Infinity;

  constructor(
    key: UpstreamKey,
    source: CredentialSource,
    settings: KeeperSettings,
    { clock, random, tell }: { readonly clock: Clock; readonly random: Random; readonly tell: Tell },
  ) {
    this.#key = key;
    this.#source = source;
    this.#settings = settings;
    this.#clock = clock;
    this.#random = random;
    this.#tell = tell;
  }

  /** Loads for the first time. A failure is the operator's to see: no pipeline starts without its keys. */
  async start(): Promise<void> {
    this.#closed = new AbortController();
    // Before the first load, so that no change falls in between.
    this.#stopWatching = this.#source.watch?.(() => void this.#changed(), this.#clock);
    const first = this.#load();
    this.#loading = first.then(
      () => true,
      () => false,
    );
    try {
      this.#take(await first);
    } catch (error) {
      this.close();
      const sentence = `credentials: ${this.#nameOfKey()} cannot be loaded: ${messageOf(error)}`;
      throw error instanceof SyntaxError ? new Error(sentence) : new Error(sentence, { cause: error });
    } finally {
      this.#loading = undefined;
    }
  }

  close(): void {
    this.#closed?.abort(new Error('closed'));
    this.#clock.clearTimeout(this.#timer);
    this.#stopWatching?.();
  }

  /**
   * Asks the source again, as the upstream refused this version. Whoever asks meanwhile waits for the same answer.
   *
   * @returns Whether there is another version now.
   */
  async renewed(version: KeyVersion, signal: AbortSignal): Promise<boolean> {
    if (this.#key.current !== version) return true;
    const now = this.#clock.now();
    if (this.#loading === undefined && now - this.#askedAt < REFUSED_AGAIN_MS) return false;
    this.#askedAt = now;
    try {
      await within(this.refresh(), this.#clock, this.#settings.loadTimeoutMs, signal);
    } catch (error) {
      if (signal.aborted) throw error;
    }
    return this.#key.current !== version;
  }

  /** Loads again. What fails changes nothing: the key that is there is used until it expires. */
  refresh(): Promise<boolean> {
    this.#loading ??= this.#refresh().finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  /** A load that is under way may have read what was before the change. */
  async #changed(): Promise<void> {
    await this.#loading;
    if (this.#closed?.signal.aborted === false) await this.refresh();
  }

  async #refresh(): Promise<boolean> {
    try {
      const loaded = await this.#load();
      if (this.#closed?.signal.aborted === true) return false;
      return this.#take(loaded);
    } catch (error) {
      if (this.#closed?.signal.aborted === true) return false;
      this.#failures++;
      const boundMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1));
      this.#again(boundMs * (0.5 + this.#random.next() / 2));
      this.#tell({ type: 'refresh-failed', ...this.#named(), reason: messageOf(error) });
      return false;
    }
  }

  #load(): Promise<Loaded> {
    const { signal } = this.#closed as AbortController;
    return within(load(this.#source, signal), this.#clock, this.#settings.loadTimeoutMs, signal);
  }

  #take(loaded: Loaded): boolean {
    this.#failures = 0;
    const first = this.#key.current === undefined;
    const rotated = this.#key.rotate(loaded, this.#settings.overlapMs);
    if (rotated && !first) this.#tell({ type: 'key-rotated', ...this.#named() });
    this.#plan(loaded.expiresAt);
    return rotated;
  }

  /** Fetches the next one in time, and not all instances of an app at once. */
  #plan(expiresAt: number): void {
    this.#clock.clearTimeout(this.#timer);
    if (expiresAt === Infinity) return;
    const leftMs = expiresAt - this.#clock.wallTime();
    const leadMs = Math.min(MAX_LEAD_MS, leftMs * LEAD_SHARE) * (1 - this.#random.next() / 2);
    // A source that gives what has expired already must not be asked in a circle.
    this.#again(Math.max(FIRST_RETRY_MS, leftMs - leadMs));
  }

  #again(delayMs: number): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => void this.refresh(), delayMs);
  }

  #named(): { readonly key: string; readonly endpoint: string; readonly tenant?: string } {
    const { id, endpoint, tenant } = this.#key;
    return { key: id, endpoint, ...(tenant === undefined ? {} : { tenant }) };
  }

  #nameOfKey(): string {
    const { id, endpoint } = this.#key;
    return `the key "${id}" of endpoint "${endpoint}"`;
  }
}

function messageOf(error: unknown): string {
  // JSON.parse quotes what it was given.
  if (error instanceof SyntaxError) return 'what its source gave cannot be parsed';
  return error instanceof Error ? error.message : 'it failed without an error';
}
