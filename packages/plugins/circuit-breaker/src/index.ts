export { circuitBreaker } from './circuit-breaker.ts';
export {
  type CircuitCounts,
  type CircuitEvent,
  type CircuitRules,
  CIRCUITS,
  type Circuits,
  type CircuitState,
  type CircuitStateName,
  type OpenReason,
} from './circuits.ts';
export { memoryCircuits, type MemoryCircuitsOptions } from './memory-circuits.ts';
export { modelFamily } from './model-family.ts';
export type { CircuitBreakerOptions } from './options.ts';
export type { CircuitSnapshot, KeptCircuit, KeptIsolation } from './snapshot.ts';
