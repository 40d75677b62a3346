import type { ApiRequest, Context, OptionSchema } from '@sluice/core';
import * as v from 'valibot';
import { CacheHandle } from './handle.ts';
import type { CacheRules, Impurity } from './rules.ts';
import type { ScopeKind } from './scope.ts';

/** Single-flight between processes that share a store. */
export interface AcrossProcesses {
  /**
   * How long a process that has died keeps the others waiting at most, in milliseconds; one that lives holds on.
   *
   * @default 10_000
   */
  readonly leaseMs?: number;
  /**
   * How long a call waits for another process's answer before it asks by itself, in milliseconds.
   *
   * @default 5_000
   */
  readonly waitMs?: number;
}

/** Options of `cache`. */
export interface CacheOptions {
  /**
   * How long an answer is fresh, in milliseconds; each one up to a tenth longer or shorter, lest they all expire at once.
   *
   * @default 3_600_000
   */
  readonly ttlMs?: number;
  /**
   * For how long after that it is still given out while one call in the background fetches a new one, in milliseconds.
   *
   * @default 0
   */
  readonly staleWhileRevalidateMs?: number;
  /**
   * For how long after it was fresh it is given out when the upstream fails, in milliseconds: 5xx, no connection, a
   * timeout, an open circuit, no endpoint.
   *
   * @default 0
   */
  readonly staleIfErrorMs?: number;
  /**
   * How long the background call of `staleWhileRevalidateMs` may take, in milliseconds.
   *
   * @default 120_000
   */
  readonly revalidateTimeoutMs?: number;
  /**
   * Larger answers are not stored, and calls that come after so many bytes of one do not share it, in bytes.
   *
   * @default 1_048_576
   */
  readonly maxEntryBytes?: number;
  /**
   * Who shares answers: the callers of one `tenant`, each `principal` alone, or everybody (`shared`). Without a
   * principal, those who send the same credential.
   *
   * @default 'tenant'
   */
  readonly scope?: ScopeKind;
  /** Makes keys that nobody can compute without it, where they leave the process. Default: none, plain SHA-256. */
  readonly secret?: string | Uint8Array;
  /**
   * Caches also what depends on more than the request: `server-tools`, `files`, `urls`, `state`.
   *
   * @default []
   */
  readonly allow?: readonly Impurity[];
  /**
   * Stores also answers that call a tool.
   *
   * @default false
   */
  readonly toolCalls?: boolean;
  /** Names under which a call's answer can be purged, 16 at most. Default: none. */
  readonly tags?: (request: ApiRequest, ctx: Context) => readonly string[];
  /**
   * Whether callers are told by `cache-status` and `age`. It tells them what others have asked in their scope.
   *
   * @default false
   */
  readonly statusHeaders?: boolean | ((ctx: Context) => boolean);
  /** Gives stored streams out at this pace. Default: none, at once. */
  readonly replayEventsPerSecond?: number;
  /**
   * Lets identical calls that are in progress share one request upstream.
   *
   * @default true
   */
  readonly singleFlight?: boolean;
  /** The same between processes, by a lease in the store. Default: none, each process asks for itself. */
  readonly acrossProcesses?: AcrossProcesses;
  /**
   * How long a call waits for the store, in milliseconds. Then it is a miss.
   *
   * @default 50
   */
  readonly storeTimeoutMs?: number;
  /**
   * How long a store that has failed is left alone before it is tried again, in the background, in milliseconds.
   *
   * @default 1_000
   */
  readonly storeRetryMs?: number;
  /**
   * Answers on their way to the store at a time; more are dropped.
   *
   * @default 64
   */
  readonly maxPendingWrites?: number;
  /** What the cache has to know of formats of your own, by their name. Without it their answers are not cached. Default: none. */
  readonly rules?: Readonly<Record<string, CacheRules>>;
  /** Purges and counts from outside; made with `cacheHandle()`. Default: none. */
  readonly handle?: CacheHandle;
}

/** The options, with defaults where none were given. */
export type CacheSettings = Required<
  Omit<CacheOptions, 'secret' | 'tags' | 'replayEventsPerSecond' | 'acrossProcesses' | 'handle'>
> & {
  readonly secret?: string | Uint8Array;
  readonly tags?: NonNullable<CacheOptions['tags']>;
  readonly replayEventsPerSecond?: number;
  readonly acrossProcesses?: Required<AcrossProcesses>;
  readonly handle?: CacheHandle;
};

const atLeast = (least: number, what: string) =>
  v.pipe(
    v.number(`must be a number of ${what}`),
    v.finite('must be finite'),
    v.minValue(least, `must be at least ${least}`),
  );
const whole = (least: number) =>
  v.pipe(
    v.number('must be a whole number'),
    v.integer('must be a whole number'),
    v.minValue(least, `must be at least ${least}`),
  );
const isFunction = (value: unknown): boolean => typeof value === 'function';

const IMPURITIES = ['server-tools', 'files', 'urls', 'state'] as const;

const rules = v.custom<CacheRules>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    ['impurities', 'answer', 'event'].every((name) => isFunction((value as Record<string, unknown>)[name])) &&
    ['ignored', 'headers'].every((name) => Array.isArray((value as Record<string, unknown>)[name])),
  'must have ignored, headers, impurities, answer and event',
);

/** Checks the options and fills in the defaults. */
export const options: OptionSchema<CacheSettings> = v.pipe(
  v.strictObject({
    ttlMs: v.exactOptional(atLeast(1, 'milliseconds'), 3_600_000),
    staleWhileRevalidateMs: v.exactOptional(atLeast(0, 'milliseconds'), 0),
    staleIfErrorMs: v.exactOptional(atLeast(0, 'milliseconds'), 0),
    revalidateTimeoutMs: v.exactOptional(atLeast(1, 'milliseconds'), 120_000),
    maxEntryBytes: v.exactOptional(whole(1), 1 << 20),
    scope: v.exactOptional(
      v.picklist(['tenant', 'principal', 'shared'], 'must be "tenant", "principal" or "shared"'),
      'tenant',
    ),
    secret: v.exactOptional(
      v.custom<string | Uint8Array>(
        (value) => (typeof value === 'string' || value instanceof Uint8Array) && value.length >= 16,
        'must be text or bytes, 16 at least',
      ),
    ),
    allow: v.exactOptional(
      v.array(v.picklist(IMPURITIES, `must be of ${IMPURITIES.join(', ')}`), 'must be a list'),
      [],
    ),
    toolCalls: v.exactOptional(v.boolean('must be true or false'), false),
    tags: v.exactOptional(
      v.custom<NonNullable<CacheOptions['tags']>>(
        isFunction,
        'must be a function (request, ctx) => string[]',
      ),
    ),
    statusHeaders: v.exactOptional(
      v.custom<boolean | ((ctx: Context) => boolean)>(
        (value) => typeof value === 'boolean' || isFunction(value),
        'must be true, false or a function (ctx) => boolean',
      ),
      false,
    ),
    replayEventsPerSecond: v.exactOptional(
      v.pipe(
        v.number('must be a number of events'),
        v.finite('must be finite'),
        v.gtValue(0, 'must be greater than 0'),
      ),
    ),
    singleFlight: v.exactOptional(v.boolean('must be true or false'), true),
    acrossProcesses: v.exactOptional(
      v.strictObject({
        leaseMs: v.exactOptional(atLeast(100, 'milliseconds'), 10_000),
        waitMs: v.exactOptional(atLeast(1, 'milliseconds'), 5_000),
      }),
    ),
    storeTimeoutMs: v.exactOptional(atLeast(1, 'milliseconds'), 50),
    storeRetryMs: v.exactOptional(atLeast(1, 'milliseconds'), 1_000),
    maxPendingWrites: v.exactOptional(whole(1), 64),
    rules: v.exactOptional(v.record(v.string(), rules), {}),
    handle: v.exactOptional(v.instance(CacheHandle, 'must be made with cacheHandle()')),
  }),
  v.check(
    ({ singleFlight, acrossProcesses }) => singleFlight || acrossProcesses === undefined,
    '"acrossProcesses" needs "singleFlight"; leave one of them out',
  ),
  v.check(
    ({ storeTimeoutMs, acrossProcesses }) =>
      acrossProcesses === undefined || acrossProcesses.leaseMs >= 4 * storeTimeoutMs,
    'option "acrossProcesses.leaseMs" must be at least four times "storeTimeoutMs", or it runs out before it can be renewed',
  ),
);
