import { type Clock, PipelineError, type Random } from '@sluice/core';
import type { CredentialSource } from './credential-source.ts';
import type { Tell } from './credential-event.ts';
import type { EndpointKeys } from './endpoint-keys.ts';
import { KeyKeeper } from './key-keeper.ts';
import { KeyPool } from './key-pool.ts';
import type { KeyStates } from './key-states.ts';
import type { CredentialsSettings, PoolOptions } from './options.ts';
import type { UpstreamKey } from './upstream-key.ts';

/** What a keyring is made with. */
interface KeyringServices {
  readonly clock: Clock;
  readonly random: Random;
  readonly states: KeyStates;
  readonly tell: Tell;
}

/** All keys of a pipeline, in their pools, each with whoever keeps it fresh. */
export class Keyring {
  readonly #settings: CredentialsSettings;
  readonly #services: KeyringServices;
  readonly #keepers = new Map<UpstreamKey, KeyKeeper>();
  readonly #default: EndpointKeys | undefined;
  /** Undefined: all endpoints use the default. */
  readonly #endpoints: ReadonlyMap<string, EndpointKeys> | undefined;

  constructor(settings: CredentialsSettings, services: KeyringServices) {
    this.#settings = settings;
    this.#services = services;
    const { keys, tenants, endpoints } = settings;
    this.#default =
      keys === undefined && tenants === undefined ? undefined : this.#keysOf('default', settings);
    this.#endpoints =
      endpoints && new Map(Object.entries(endpoints).map(([id, pool]) => [id, this.#keysOf(id, pool)]));
  }

  /** The keys of an endpoint. @throws PipelineError When it has none. */
  endpoint(id: string | undefined): EndpointKeys {
    const found = id === undefined || this.#endpoints === undefined ? this.#default : this.#endpoints.get(id);
    if (found !== undefined) return found;
    const where = id === undefined ? 'calls without an endpoint have' : `endpoint "${id}" has`;
    throw new PipelineError('credential_refused', {
      plugin: 'credentials',
      cause: `${where} no keys; add them to the options of credentials`,
    });
  }

  /** Whoever keeps this key fresh. */
  keeperOf(key: UpstreamKey): KeyKeeper {
    return this.#keepers.get(key) as KeyKeeper;
  }

  async start(): Promise<void> {
    try {
      await Promise.all(Array.from(this.#keepers.values(), (keeper) => keeper.start()));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    for (const keeper of this.#keepers.values()) keeper.close();
  }

  #keysOf(endpoint: string, options: PoolOptions): EndpointKeys {
    const { keys, tenants = {}, header = 'authorization', headers } = options;
    const pool = (sources: readonly CredentialSource[], tenant?: string): KeyPool =>
      new KeyPool(
        sources.map((source) => this.#key(source, endpoint, tenant)),
        this.#services.random,
      );
    return {
      endpoint,
      header,
      headers,
      shared: this.#settings.poolScope === 'shared',
      pool: keys === undefined || keys.length === 0 ? undefined : pool(keys),
      tenants: new Map(Object.entries(tenants).map(([tenant, own]) => [tenant, pool(own, tenant)])),
    };
  }

  #key(source: CredentialSource, endpoint: string, tenant: string | undefined): UpstreamKey {
    const { clock, states } = this.#services;
    const key = states.key(source.id, endpoint, tenant, clock);
    this.#keepers.set(key, new KeyKeeper(key, source, this.#settings, this.#services));
    return key;
  }
}
