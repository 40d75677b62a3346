import type { Nfa } from './nfa.ts';

/** States that an automaton may have. */
const MAX_STATES = 1_000;

interface State {
  /** Steps that read, in order. */
  readonly steps: readonly number[];
  readonly ends: boolean;
  /** By class, the next state; undefined: not known yet. */
  readonly to: (State | undefined)[];
}

/** Runs a pattern as a deterministic automaton, whose states are made when they are first needed. */
export class PatternAutomaton {
  readonly #nfa: Nfa;
  readonly #states = new Map<string, State>();
  readonly #first: State;

  constructor(nfa: Nfa) {
    this.#nfa = nfa;
    this.#first = this.#state([nfa.start]);
  }

  /** Finds all states. False when there are too many: then the automaton must not be used. */
  explore(): boolean {
    const { classes, holds } = this.#nfa;
    const units = holds.map((_, id) => classes.indexOf(id));
    // What is added while walking is walked, too.
    for (const state of this.#states.values()) {
      for (const unit of units) this.#step(state, unit);
      if (this.#states.size > MAX_STATES) return false;
    }
    return true;
  }

  /** Reads a text once, and tells each place where a match may end. */
  *ends(text: string): Generator<number, void> {
    let state = this.#first;
    for (let i = 0; i < text.length; i++) {
      state =
        state.to[this.#nfa.classes[text.charCodeAt(i)] as number] ?? this.#step(state, text.charCodeAt(i));
      if (state.ends) yield i + 1;
    }
  }

  /** Whether a match may begin with this code unit. */
  begins(unit: number): boolean {
    const { steps, ends } = this.#step(this.#first, unit);
    return ends || steps.length > 0;
  }

  /**
   * The end of the longest match that begins at `start`, or -1; and whether the text ended while more could match.
   *
   * @param limit Longest match.
   */
  match(text: string, start: number, limit: number): { readonly end: number; readonly open: boolean } {
    let state = this.#first;
    let end = -1;
    const last = Math.min(text.length, start + limit);
    let i = start;
    for (; i < last; i++) {
      state = this.#step(state, text.charCodeAt(i));
      if (state.ends) end = i + 1;
      if (state.steps.length === 0) return { end, open: false };
    }
    return { end, open: i === text.length };
  }

  #step(from: State, unit: number): State {
    const id = this.#nfa.classes[unit] as number;
    const known = from.to[id];
    if (known !== undefined) return known;
    const { set, next, holds } = this.#nfa;
    const row = holds[id] as readonly boolean[];
    const steps = from.steps.filter((step) => row[set[step] as number]).map((step) => next[step] as number);
    const to = this.#state(steps);
    from.to[id] = to;
    return to;
  }

  #state(entered: readonly number[]): State {
    const { set, next, other } = this.#nfa;
    const reading = new Set<number>();
    const seen = new Set<number>();
    let ends = false;
    const open = [...entered];
    for (let step = open.pop(); step !== undefined; step = open.pop()) {
      if (seen.has(step)) continue;
      seen.add(step);
      if (set[step] === -2) ends = true;
      else if (set[step] === -1) open.push(next[step] as number, other[step] as number);
      else reading.add(step);
    }
    const steps = [...reading].sort((a, b) => a - b);
    const key = `${steps.join()}${ends ? '!' : ''}`;
    let state = this.#states.get(key);
    if (state === undefined) {
      state = { steps, ends, to: [] };
      this.#states.set(key, state);
    }
    return state;
  }
}
