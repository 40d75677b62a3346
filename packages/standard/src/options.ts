import type { AuditOptions } from '@sluice/audit';
import type { CacheOptions } from '@sluice/cache';
import type { CircuitBreakerOptions } from '@sluice/circuit-breaker';
import type { PipelineOptions, Plugin } from '@sluice/core';
import type { CredentialsOptions } from '@sluice/credentials';
import type { IdentityOptions } from '@sluice/identity';
import type { LabelsOptions } from '@sluice/labels';
import type { ModerationOptions } from '@sluice/moderation';
import type { RateLimitOptions } from '@sluice/rate-limit';
import type { RegionRoutingOptions, RoutingEndpoint } from '@sluice/region-routing';
import type { RetryOptions } from '@sluice/retry';
import type { StandardRedis } from './redis-services.ts';

/** A part of the pipeline: the plugin's own options, a plugin that takes its place, or `false` to leave it out. */
export type Part<Options> = Options | Plugin | false;

/** A part that needs no options: `true` takes the plugin's defaults. */
export type DefaultedPart<Options> = Part<Options> | true;

/** The parts of a standard pipeline, outermost first, and the options of `createPipeline`, which are handed on. */
export interface StandardParts extends Omit<PipelineOptions, 'upstream' | 'plugins'> {
  /**
   * A tamper-evident log of all calls. It writes files: `true` writes them to `./audit`.
   *
   * @default false
   */
  readonly audit?: DefaultedPart<AuditOptions>;
  /**
   * Virtual keys: who calls, and what the caller may use. Needs a `KEY_DIRECTORY`, or `redis`; and `credentials`, as the
   * caller's own key ends here.
   *
   * @default false
   */
  readonly identity?: DefaultedPart<IdentityOptions>;
  /**
   * Labels for generated text.
   *
   * @default false
   */
  readonly labels?: DefaultedPart<LabelsOptions>;
  /**
   * Content rules, on requests and on answers. Has no defaults: no list of words is right for everybody.
   *
   * @default false
   */
  readonly moderation?: Part<ModerationOptions>;
  /**
   * Answers what was asked before from a store. A model is expected to answer anew each time, so this is asked for.
   *
   * @default false
   */
  readonly cache?: DefaultedPart<CacheOptions>;
  /**
   * Limits and quotas. Has no defaults: only you know how much is too much.
   *
   * @default false
   */
  readonly rateLimit?: Part<RateLimitOptions>;
  /**
   * Tries again what may succeed when tried again.
   *
   * @default true
   */
  readonly retry?: DefaultedPart<RetryOptions>;
  /**
   * Stops calls to what is failing.
   *
   * @default true
   */
  readonly circuitBreaker?: DefaultedPart<CircuitBreakerOptions>;
  /**
   * Your own keys, in the place of the caller's. With `false` nothing checks that a key is put on at all.
   *
   * @default off, and the caller's key goes upstream
   */
  readonly credentials?: Part<CredentialsOptions>;
  /**
   * An `ioredis` client or Cluster: cached answers, limits, strikes and virtual keys are kept there, for all processes,
   * where `services` and `container` do not say otherwise. It is yours to connect and to close. Default: in memory.
   */
  readonly redis?: StandardRedis;
  /**
   * What the name of everything begins with that is kept in `redis`.
   *
   * @default 'sluice:'
   */
  readonly redisPrefix?: string;
  /**
   * Takes the plugins in their standard order and returns them as they shall stand, with your own among them. Order and
   * names are checked all the same. Default: as they are.
   */
  readonly arrange?: (plugins: readonly Plugin[]) => readonly Plugin[];
}

/** Options of a pipeline whose calls go to one place. */
export interface OneUpstream extends StandardParts {
  /** Base URL of the provider, for example `https://api.anthropic.com`. `https:` unless it is loopback. */
  readonly upstream: string;
  /** Not beside `upstream`. */
  readonly endpoints?: never;
  /**
   * A routing plugin of your own.
   *
   * @default false
   */
  readonly regionRouting?: Plugin | false;
}

/** Options of a pipeline whose calls go to one of several places. */
export interface SeveralEndpoints extends StandardParts {
  /** Where calls can go, all of them places that you are entitled to use. The first is the pipeline's `upstream`. */
  readonly endpoints: readonly RoutingEndpoint[];
  /** Not beside `endpoints`. */
  readonly upstream?: never;
  /** Options of region routing, beside its endpoints. Default: its defaults. */
  readonly regionRouting?: Omit<RegionRoutingOptions, 'endpoints'> | true;
}

/** Options of `standardPipeline`: one `upstream`, or several `endpoints`. */
export type StandardOptions = OneUpstream | SeveralEndpoints;

/** The name of an option. */
export type OptionName = keyof OneUpstream | keyof SeveralEndpoints;
