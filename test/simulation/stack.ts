import { CLOCK, type Plugin, provide, type Provision, RANDOM } from '@sluice/core';
import {
  circuitBreaker,
  type CircuitBreakerOptions,
  type CircuitEvent,
  CIRCUITS,
  type Circuits,
  memoryCircuits,
} from '@sluice/circuit-breaker';
import {
  ENDPOINT_HEALTH,
  type EndpointHealth,
  endpointHealth,
  regionRouting,
  type RegionRoutingOptions,
} from '@sluice/region-routing';
import { retry, type RetryOptions } from '@sluice/retry';

/** What is not as by default. */
export interface StackOptions {
  readonly retry?: RetryOptions;
  readonly routing?: Partial<RegionRoutingOptions>;
  readonly breaker?: CircuitBreakerOptions;
}

/** The three plugins in their documented order, and a view of what they know. */
export interface Stack {
  readonly plugins: readonly Plugin[];
  readonly services: readonly Provision[];
  readonly health: EndpointHealth;
  /** Changes of circuits, in order. */
  readonly events: readonly CircuitEvent[];
  /** Once the pipeline is assembled. */
  circuits(): Circuits;
}

/** Somewhere to send to. */
export interface Place {
  readonly id: string;
  /** Default: `https://{id}.test`. */
  readonly url?: string;
}

/** retry → region-routing → circuit-breaker, for endpoints that are each a region of their own. */
export function stackFor(places: readonly Place[], options: StackOptions = {}): Stack {
  const health = endpointHealth();
  const events: CircuitEvent[] = [];
  let circuits: Circuits | undefined;
  const endpoints = places.map(({ id, url = `https://${id}.test` }) => ({ id, region: id, url }));
  return {
    plugins: [
      retry(options.retry),
      regionRouting({ endpoints, ...options.routing }),
      circuitBreaker({ ...options.breaker, onChange: (event) => void events.push(event) }),
    ],
    services: [
      provide(ENDPOINT_HEALTH, () => health),
      provide(CIRCUITS, (needs) => (circuits ??= memoryCircuits(needs)), { clock: CLOCK, random: RANDOM }),
    ],
    health,
    events,
    circuits() {
      if (circuits === undefined) throw new Error('no pipeline has been made of it yet');
      return circuits;
    },
  };
}
