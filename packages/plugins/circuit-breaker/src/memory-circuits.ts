import { type AttemptListener, type Clock, guarded, type Random } from '@sluice/core';
import { Circuit, type CircuitParts } from './circuit.ts';
import type { CircuitEvent, CircuitRules, Circuits, CircuitState } from './circuits.ts';
import { DEFAULT_RULES } from './options.ts';
import { refusal } from './refusal.ts';
import { type CircuitSnapshot, type KeptCircuit, readSnapshot } from './snapshot.ts';

/** What {@link memoryCircuits} is made with. */
export interface MemoryCircuitsOptions {
  /** Measures windows, open times and leases. */
  readonly clock: Clock;
  /** Spreads open times. */
  readonly random: Random;
  /**
   * Most circuits that are kept. Beyond, the one that has told the least is forgotten: closed before open, and the
   * longest unused first. Callers choose the model's name, so that there must be a bound.
   *
   * @default 1_000
   */
  readonly maxCircuits?: number;
}

/** Makes circuits that live in memory, for as long as somebody holds them. */
export function memoryCircuits({ clock, random, maxCircuits = 1_000 }: MemoryCircuitsOptions): Circuits {
  return new MemoryCircuits(clock, random, maxCircuits);
}

type Family = string | undefined;

interface Isolation {
  /** On the wall clock. */
  readonly since: number;
  readonly reason: string | undefined;
}

class MemoryCircuits implements Circuits {
  readonly #maxCircuits: number;
  readonly #parts: CircuitParts;
  /** By endpoint, then by family: no key is put together for a call. */
  readonly #endpoints = new Map<string, Map<Family, Circuit>>();
  readonly #isolated = new Map<string, Isolation>();
  #rules: CircuitRules = DEFAULT_RULES;
  #onChange: ((event: CircuitEvent) => void) | undefined;
  #size = 0;
  #uses = 0;

  constructor(clock: Clock, random: Random, maxCircuits: number) {
    this.#maxCircuits = maxCircuits;
    this.#parts = { clock, random, changed: this.#changed };
  }

  use(rules: CircuitRules, onChange: ((event: CircuitEvent) => void) | undefined): void {
    this.#onChange = onChange;
    const before = this.#rules;
    const names = Object.keys(rules) as (keyof CircuitRules)[];
    if (names.every((name) => rules[name] === before[name])) return;
    this.#rules = rules;
    for (const circuit of this.#all()) circuit.use(rules);
  }

  admit(endpoint: string, family: Family, streamed: boolean): AttemptListener {
    // No operator says how long.
    if (this.#isolated.size > 0 && this.#isolated.has(endpoint)) throw refusal(undefined);
    const circuit = this.#endpoints.get(endpoint)?.get(family) ?? this.#add(endpoint, family);
    circuit.usedAt = ++this.#uses;
    return circuit.admit(streamed);
  }

  list(): readonly CircuitState[] {
    const circuits = [...this.#all()].map((circuit) => this.#describe(circuit));
    const untried = [...this.#isolated.keys()].filter((endpoint) => !this.#endpoints.has(endpoint));
    return [...circuits, ...untried.map((endpoint) => this.#describeIsolated(endpoint))];
  }

  isolate(endpoint: string, reason?: string): void {
    this.#isolated.set(endpoint, { since: this.#parts.clock.wallTime(), reason });
    this.#tell(this.#describeIsolated(endpoint), 'circuit-isolated');
  }

  reset(endpoint?: string, family?: string): void {
    for (const isolated of endpoint === undefined ? [...this.#isolated.keys()] : [endpoint]) {
      if (!this.#isolated.delete(isolated)) continue;
      this.#tell({ ...this.#describeIsolated(isolated), state: 'closed' }, 'circuit-close');
    }
    for (const circuit of this.#all()) {
      if (endpoint !== undefined && circuit.endpoint !== endpoint) continue;
      if (family !== undefined && circuit.family !== family) continue;
      circuit.reset();
    }
  }

  export(): CircuitSnapshot {
    const { clock } = this.#parts;
    const circuits: KeptCircuit[] = [];
    for (const circuit of this.#all()) {
      const state = circuit.state();
      if (state === 'closed') continue;
      const { endpoint, family, opens, reason } = circuit;
      const openForMs = state === 'open' ? circuit.openUntil - clock.now() : 0;
      circuits.push({
        endpoint,
        ...(family === undefined ? {} : { family }),
        openUntil: clock.wallTime() + openForMs,
        openForMs,
        opens,
        ...(reason === undefined ? {} : { reason }),
      });
    }
    const isolated = [...this.#isolated].map(([endpoint, { since, reason }]) => ({
      endpoint,
      since,
      ...(reason === undefined ? {} : { reason }),
    }));
    return { version: 1, circuits, isolated };
  }

  import(snapshot: unknown): void {
    const { circuits, isolated } = readSnapshot(snapshot);
    const wallTime = this.#parts.clock.wallTime();
    for (const { endpoint, family, openUntil, openForMs, opens, reason } of circuits) {
      const circuit = this.#endpoints.get(endpoint)?.get(family) ?? this.#add(endpoint, family);
      // A clock that was set back must not keep it open for longer than it was to be.
      circuit.restore(Math.min(Math.max(0, openUntil - wallTime), openForMs), opens, reason);
    }
    for (const { endpoint, since, reason } of isolated) this.#isolated.set(endpoint, { since, reason });
  }

  *#all(): Iterable<Circuit> {
    for (const families of this.#endpoints.values()) yield* families.values();
  }

  #add(endpoint: string, family: Family): Circuit {
    if (this.#size >= this.#maxCircuits) this.#forgetOne();
    const circuit = new Circuit(endpoint, family, this.#rules, this.#parts);
    const families = this.#endpoints.get(endpoint);
    if (families === undefined) this.#endpoints.set(endpoint, new Map([[family, circuit]]));
    else families.set(family, circuit);
    this.#size++;
    return circuit;
  }

  /** A scan, because it is rare: in exchange, a call of a known circuit moves nothing in a list. */
  #forgetOne(): void {
    let least: Circuit | undefined;
    for (const circuit of this.#all()) {
      if (least === undefined || circuit.weight < least.weight) least = circuit;
      else if (circuit.weight === least.weight && circuit.usedAt < least.usedAt) least = circuit;
    }
    if (least === undefined) return;
    const families = this.#endpoints.get(least.endpoint);
    families?.delete(least.family);
    if (families?.size === 0) this.#endpoints.delete(least.endpoint);
    this.#size--;
  }

  readonly #changed = (circuit: Circuit, type: CircuitEvent['type']): void => {
    if (this.#onChange !== undefined) this.#tell(this.#describe(circuit), type);
  };

  #tell(state: CircuitState, type: CircuitEvent['type']): void {
    const onChange = this.#onChange;
    if (onChange !== undefined)
      guarded('onChange of the circuit breaker threw', () => {
        onChange({ type, ...state });
      });
  }

  #describe(circuit: Circuit): CircuitState {
    const { endpoint, family } = circuit;
    const isolation = this.#isolated.get(endpoint);
    // First, because to look at it may change what follows.
    const state = circuit.state();
    const { since, openUntil, reason } = circuit;
    return {
      key: family === undefined ? endpoint : `${endpoint} ${family}`,
      endpoint,
      family,
      counts: circuit.counts(),
      ...(isolation === undefined
        ? {
            state,
            since: this.#wallTimeOf(since),
            openUntil: state === 'open' ? this.#wallTimeOf(openUntil) : undefined,
            reason: state === 'closed' ? undefined : reason,
          }
        : { state: 'isolated', since: isolation.since, openUntil: undefined, reason: isolation.reason }),
    };
  }

  #describeIsolated(endpoint: string): CircuitState {
    const { since, reason } = this.#isolated.get(endpoint) ?? {
      since: this.#parts.clock.wallTime(),
      reason: undefined,
    };
    const counts = { completed: 0, failed: 0, timed: 0, slow: 0, consecutiveFailures: 0, probes: 0 };
    return {
      key: endpoint,
      endpoint,
      family: undefined,
      state: 'isolated',
      since,
      openUntil: undefined,
      reason,
      counts,
    };
  }

  #wallTimeOf(time: number): number {
    const { clock } = this.#parts;
    return clock.wallTime() + time - clock.now();
  }
}
