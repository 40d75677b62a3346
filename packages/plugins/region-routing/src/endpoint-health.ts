import { type Clock, token, type Token } from '@sluice/core';
import { EndpointState } from './endpoint-state.ts';
import { Pace } from './latency.ts';
import { SignatureOrigins } from './signature-origins.ts';

/** What is known of one endpoint; see {@link EndpointHealth.list}. */
export interface EndpointStatus {
  /** The operator's name for it. */
  readonly id: string;
  /** Its region. */
  readonly region: string;
  /** The operator's own words about it. */
  readonly labels: Readonly<Record<string, string>>;
  /** Whether it gets calls in its turn: it is neither ejected nor told to rest as a whole. */
  readonly available: boolean;
  /** Attempts in progress. */
  readonly inFlight: number;
  /** Expected time to the first content of a stream, in milliseconds. */
  readonly streamedMs: number;
  /** The same of an answer that is not streamed. */
  readonly wholeMs: number;
  /** How long it is still ejected, in milliseconds; 0 when it is not. */
  readonly ejectedForMs: number;
  /** How often it was ejected since the pipeline's first call. */
  readonly ejections: number;
  /** Rests that are in force: a circuit that is open, a throttle. */
  readonly rests: readonly EndpointRest[];
  /** What its last 403 seemed to mean; undefined when there was none, or an answer since. */
  readonly diagnosis: string | undefined;
}

/** Why an endpoint gets no calls for a while. */
export interface EndpointRest {
  /** The model it holds for; undefined for all. */
  readonly model: string | undefined;
  /** `circuit-open`, `cooling` (throttled) or `credential` (it was refused). */
  readonly reason: string;
  /** How long it still lasts, in milliseconds. */
  readonly forMs: number;
}

/** What routing has learnt of the endpoints. Make one with {@link endpointHealth}. */
export interface EndpointHealth {
  /**
   * Every endpoint there is or was, as data, for a page or a gauge.
   *
   * @param clock The pipeline's.
   */
  list(clock: Clock): readonly EndpointStatus[];
}

/**
 * Makes what routing keeps its knowledge in. Give two pipelines the same one, and the second knows what the first has
 * learnt: `services: [provide(ENDPOINT_HEALTH, () => health)]`.
 */
export function endpointHealth(): EndpointHealth {
  return new HealthStore();
}

/** The only kind of {@link EndpointHealth} there is. */
export class HealthStore implements EndpointHealth {
  readonly streamed: Pace = new Pace();
  readonly whole: Pace = new Pace();
  readonly origins: SignatureOrigins = new SignatureOrigins();
  /** By the operator's ids, which are as few as the endpoints. */
  readonly #states = new Map<string, EndpointState>();

  /** @throws TypeError When it was made by other means. */
  static of(health: EndpointHealth): HealthStore {
    if (health instanceof HealthStore) return health;
    throw new TypeError(
      'provide ENDPOINT_HEALTH with what endpointHealth() returns; it cannot be made otherwise.',
    );
  }

  list(clock: Clock): readonly EndpointStatus[] {
    const now = clock.now();
    return [...this.#states.values()].map((state) => state.status(now));
  }

  /** The state of an endpoint, made when it is first asked for. */
  of(id: string, now: number): EndpointState {
    let state = this.#states.get(id);
    if (state === undefined) {
      state = new EndpointState(id, this.streamed, this.whole, now);
      this.#states.set(id, state);
    }
    return state;
  }
}

/** Where routing keeps what it has learnt. Embedded default: in memory, for one pipeline. */
export const ENDPOINT_HEALTH: Token<EndpointHealth> = token('endpoint-health', { create: endpointHealth });
