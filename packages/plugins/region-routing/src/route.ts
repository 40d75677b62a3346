import type { EndpointCredential } from './endpoint.ts';
import type { EndpointSettings } from './endpoint-schema.ts';
import type { HealthStore } from './endpoint-health.ts';
import type { EndpointState } from './endpoint-state.ts';
import { hashText } from './hash.ts';

/** Why an endpoint was left out; a part of the routing decision. */
export interface Dropped {
  readonly endpoint: string;
  readonly reason: string;
}

/** An endpoint as the plugin works with it. */
export class Route {
  readonly id: string;
  readonly region: string;
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly credential: EndpointCredential | undefined;
  readonly weight: number;
  readonly priority: number;
  readonly provider: string;
  readonly state: EndpointState;
  /** Of its id, for rendezvous hashing. */
  readonly hash: number;
  /** The round-robin's credit. */
  credit = 0;
  readonly #formats: ReadonlySet<string> | undefined;
  readonly #models: ReadonlyMap<string, string> | undefined;
  /** Made once: a decision is made with each call. */
  readonly #drops = new Map<string, Dropped>();

  constructor(settings: EndpointSettings, health: HealthStore, now: number) {
    const { id, region, url, formats, models, labels } = settings;
    this.id = id;
    this.region = region;
    this.baseUrl = url.replace(/\/+$/, '');
    this.credential = settings.credential;
    this.weight = settings.weight;
    this.priority = settings.priority;
    this.provider = settings.provider;
    this.hash = hashText(id);
    this.#formats = formats && new Set(formats);
    this.#models = models && new Map(Object.entries(models));
    this.state = health.of(id, now);
    this.state.region = region;
    this.state.labels = labels ?? {};
  }

  /** Whether it speaks a format; calls of none go only where all are spoken. */
  speaks(format: string | undefined): boolean {
    return this.#formats === undefined || (format !== undefined && this.#formats.has(format));
  }

  /** Whether it serves a model. */
  serves(model: string | undefined): boolean {
    return this.#models === undefined || model === undefined || this.#models.has(model);
  }

  /** Its own name for a model. */
  modelId(model: string): string {
    return this.#models?.get(model) ?? model;
  }

  /** The note that it was left out. */
  dropped(reason: string): Dropped {
    let note = this.#drops.get(reason);
    if (note === undefined) {
      note = { endpoint: this.id, reason };
      this.#drops.set(reason, note);
    }
    return note;
  }
}
