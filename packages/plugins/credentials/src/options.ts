import type { OptionSchema } from '@sluice/core';
import * as v from 'valibot';
import type { CredentialEvent } from './credential-event.ts';
import type { CredentialSource } from './credential-source.ts';

/** The keys of one endpoint, and how they are sent. */
export interface PoolOptions {
  /** Keys for calls without a tenant; with `poolScope: 'shared'`, for tenants without keys of their own too. */
  readonly keys?: readonly CredentialSource[];
  /** Keys of one tenant each, by the tenant's name. */
  readonly tenants?: Readonly<Record<string, readonly CredentialSource[]>>;
  /**
   * The header that carries the key; in `authorization` it stands behind `Bearer`.
   *
   * @default "authorization"
   */
  readonly header?: 'authorization' | 'x-api-key' | 'api-key';
  /** Headers set on every request beside the key, such as `openai-project`. Lower-case names. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Options of `credentials`. */
export interface CredentialsOptions extends PoolOptions {
  /**
   * Who shares a key. Providers keep prompt caches by account: tenants that share one can find out, by the time and the
   * price of an answer, what others have sent. `tenant`: a call of a tenant gets keys of that tenant alone, or is
   * refused. `shared`: tenants without keys of their own share `keys`.
   *
   * @default "tenant"
   */
  readonly poolScope?: 'tenant' | 'shared';
  /**
   * Keys for each endpoint that routing chooses, by its id. With it, `keys` and `tenants` beside it are for calls without
   * an endpoint alone: the key of one provider must not go to another. Default: none, and all endpoints share the keys.
   */
  readonly endpoints?: Readonly<Record<string, PoolOptions>>;
  /**
   * How long a key rests for a model after a 429 that does not say, in milliseconds.
   *
   * @default 5_000
   */
  readonly coolMs?: number;
  /**
   * No rest is longer, in milliseconds, whatever the upstream says: then one call tries.
   *
   * @default 600_000
   */
  readonly maxCoolMs?: number;
  /**
   * How long a key is left out that the upstream refused, in milliseconds: then it is tried again.
   *
   * @default 300_000
   */
  readonly quarantineMs?: number;
  /**
   * How long the version before may still stand in for a new one that the upstream does not know yet, in milliseconds.
   *
   * @default 300_000
   */
  readonly overlapMs?: number;
  /**
   * How long a source may take to give its key, in milliseconds.
   *
   * @default 10_000
   */
  readonly loadTimeoutMs?: number;
  /** Is told what happens to keys. Default: process warnings of what an operator has to do something about. */
  readonly onEvent?: (event: CredentialEvent) => void;
}

type Defaulted = 'poolScope' | 'coolMs' | 'maxCoolMs' | 'quarantineMs' | 'overlapMs' | 'loadTimeoutMs';

/** The options, with defaults where none were given. */
export type CredentialsSettings = Omit<CredentialsOptions, Defaulted> &
  Required<Pick<CredentialsOptions, Defaulted>>;

const milliseconds = v.pipe(
  v.number('must be a number of milliseconds'),
  v.finite('must be finite'),
  v.minValue(1, 'must be at least 1'),
);
const source = v.custom<CredentialSource>(
  isSource,
  'must be a source of a key: envKey("NAME"), fileKey("path") or { id, load }; a key itself does not belong into options',
);
const sources = v.pipe(
  v.array(source, 'must be a list of sources'),
  v.check((list) => new Set(list.map(({ id }) => id)).size === list.length, 'has two keys of the same id'),
);
const pool = {
  keys: v.exactOptional(sources),
  tenants: v.exactOptional(
    v.record(
      v.string(),
      v.pipe(sources, v.minLength(1, 'must have a key')),
      'must be a map from tenants to their keys',
    ),
  ),
  header: v.exactOptional(
    v.picklist(
      ['authorization', 'x-api-key', 'api-key'],
      'must be "authorization", "x-api-key" or "api-key"',
    ),
  ),
  headers: v.exactOptional(
    v.record(
      v.pipe(
        v.string(),
        v.regex(/^[a-z][a-z0-9-]*$/, 'must have lower-case names'),
        v.notValues(['authorization', 'x-api-key', 'api-key'], 'must not hold keys; use keys and header'),
      ),
      v.string('must be text'),
      'must be a map of text',
    ),
  ),
};

/** Checks the options and fills in the defaults. */
export const options: OptionSchema<CredentialsSettings> = v.pipe(
  v.strictObject({
    ...pool,
    poolScope: v.exactOptional(v.picklist(['tenant', 'shared'], 'must be "tenant" or "shared"'), 'tenant'),
    endpoints: v.exactOptional(
      v.record(
        v.string(),
        v.pipe(
          v.strictObject(pool),
          v.check((given) => hasKeys(given), 'must have keys or tenants'),
        ),
        'must be a map from endpoints to their keys',
      ),
    ),
    coolMs: v.exactOptional(milliseconds, 5_000),
    maxCoolMs: v.exactOptional(milliseconds, 600_000),
    quarantineMs: v.exactOptional(milliseconds, 300_000),
    overlapMs: v.exactOptional(milliseconds, 300_000),
    loadTimeoutMs: v.exactOptional(milliseconds, 10_000),
    onEvent: v.exactOptional(v.custom<(event: CredentialEvent) => void>(isFunction, 'must be a function')),
  }),
  v.check(
    (given) => hasKeys(given) || Object.keys(given.endpoints ?? {}).length > 0,
    'it has no keys; add keys: [envKey("NAME")], or tenants, or endpoints',
  ),
  v.check(({ coolMs, maxCoolMs }) => coolMs <= maxCoolMs, 'coolMs must be at most maxCoolMs'),
);

function hasKeys({ keys = [], tenants = {} }: PoolOptions): boolean {
  return keys.length > 0 || Object.keys(tenants).length > 0;
}

function isSource(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { id, load, watch } = value as Record<string, unknown>;
  return (
    typeof id === 'string' && id !== '' && isFunction(load) && (watch === undefined || isFunction(watch))
  );
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}
