// What the packaging check runs in a folder that has nothing but the tarballs of core and of this plugin.
import {
  circuitBreaker,
  type CircuitBreakerOptions,
  CIRCUITS,
  memoryCircuits,
} from '@sluice/circuit-breaker';
import { CLOCK, createPipeline, provide, RANDOM } from '@sluice/core';

const options: CircuitBreakerOptions = { failureRate: 0.3 };
await using pipeline = createPipeline({
  upstream: 'https://api.anthropic.com',
  plugins: [circuitBreaker(options)],
  services: [provide(CIRCUITS, (needs) => memoryCircuits(needs), { clock: CLOCK, random: RANDOM })],
});

const plugins: readonly string[] = pipeline.describe().plugins.map(({ name }) => name);
if (plugins.join() !== 'circuit-breaker') throw new Error(`the pipeline has ${plugins.join()}`);
