import { PatternAutomaton } from './automaton.ts';
import type { Nfa } from './nfa.ts';
import { type Node, parsePattern } from './parse-pattern.ts';

/** Steps of the automaton, at most: repetitions are written out. */
const MAX_STEPS = 2_000;

class Builder {
  readonly set: number[] = [];
  readonly next: number[] = [];
  readonly other: number[] = [];
  readonly sources: string[] = [];
  readonly #loose: boolean;

  /** @param loose Repetitions are not counted: a small automaton, which matches more. */
  constructor(loose: boolean) {
    this.#loose = loose;
  }

  step(set: number, next: number, other = -1): number {
    if (this.set.length >= MAX_STEPS) {
      throw new SyntaxError(`would take more than ${MAX_STEPS} steps; repeat less`);
    }
    this.set.push(set);
    this.next.push(next);
    this.other.push(other);
    return this.set.length - 1;
  }

  /** Builds backwards: what a node leads to is known when it is built. */
  build(node: Node, next: number): number {
    switch (node.kind) {
      case 'set': {
        let at = this.sources.indexOf(node.source);
        if (at < 0) at = this.sources.push(node.source) - 1;
        return this.step(at, next);
      }
      case 'sequence':
        return node.parts.reduceRight((to, part) => this.build(part, to), next);
      case 'choice': {
        const [first, ...others] = node.parts.map((part) => this.build(part, next));
        return others.reduce((one, two) => this.step(-1, one, two), first as number);
      }
      case 'repeat':
        if (this.#loose && node.max > 1)
          return this.#repeat(node.part, Math.min(node.min, 1), Infinity, next);
        return this.#repeat(node.part, node.min, node.max, next);
    }
  }

  #repeat(part: Node, min: number, max: number, next: number): number {
    let to = next;
    if (max === Infinity) {
      const loop = this.step(-1, next, next);
      this.next[loop] = this.build(part, loop);
      to = loop;
    } else {
      for (let i = min; i < max; i++) to = this.step(-1, this.build(part, to), next);
    }
    for (let i = 0; i < min; i++) to = this.build(part, to);
    return to;
  }
}

const known = new Map<string, Uint8Array>();
const MAX_KNOWN = 256;

/** By code unit, whether a set holds it: by the language's own engine, which has one character to look at. */
function members(source: string, ignoreCase: boolean): Uint8Array {
  const key = `${ignoreCase ? 'i' : ''}${source}`;
  let held = known.get(key);
  if (held === undefined) {
    const test = new RegExp(`^${source}$`, ignoreCase ? 'iu' : 'u');
    held = Uint8Array.from({ length: 65_536 }, (_, unit) => Number(test.test(String.fromCharCode(unit))));
    if (known.size < MAX_KNOWN) known.set(key, held);
  }
  return held;
}

/** Puts code units together that every set treats alike. */
function partition(sets: readonly Uint8Array[]): Pick<Nfa, 'classes' | 'holds'> {
  const classes = new Uint16Array(65_536);
  let holds: boolean[][] = [[]];
  for (const set of sets) {
    const split = new Map<number, number>();
    const next: boolean[][] = [];
    for (let unit = 0; unit < 65_536; unit++) {
      const before = classes[unit] as number;
      const held = set[unit] as number;
      let id = split.get(before * 2 + held);
      if (id === undefined) {
        id = next.push([...(holds[before] as boolean[]), held === 1]) - 1;
        split.set(before * 2 + held, id);
      }
      classes[unit] = id;
    }
    holds = next;
  }
  return { classes, holds };
}

/**
 * Compiles a pattern for an automaton that reads each character once: no pattern can make it slow.
 *
 * @param anywhere Tells where matches may end that begin anywhere, and not what begins where the automaton is started:
 * repetitions are not counted, as the places where they may have begun would be too many to keep apart.
 * @throws SyntaxError What about it cannot be run.
 */
export function compilePattern(text: string, ignoreCase: boolean, anywhere = false): Nfa {
  const builder = new Builder(anywhere);
  let start = builder.build(parsePattern(text), builder.step(-2, -1));
  if (anywhere) {
    const loop = builder.step(-1, start, start);
    builder.other[loop] = builder.step(builder.sources.push('[^]') - 1, loop);
    start = loop;
  }
  const { classes, holds } = partition(builder.sources.map((source) => members(source, ignoreCase)));
  return { set: builder.set, next: builder.next, other: builder.other, start, classes, holds };
}

/** Why a pattern cannot be used; undefined when it can. */
export function patternProblem(text: string): string | undefined {
  try {
    // With case folded, as that makes sets larger and never smaller.
    const nfa = compilePattern(text, true);
    if (matchesNothing(nfa)) return 'matches the empty text, and so everything';
    const fits =
      new PatternAutomaton(nfa).explore() && new PatternAutomaton(compilePattern(text, true, true)).explore();
    if (fits) return undefined;
    return 'would take too much memory; make what repeats differ from what follows it';
  } catch (error) {
    return (error as Error).message;
  }
}

function matchesNothing({ set, next, other, start }: Nfa): boolean {
  const seen = new Set<number>();
  const open = [start];
  for (let step = open.pop(); step !== undefined; step = open.pop()) {
    if (step < 0 || seen.has(step)) continue;
    seen.add(step);
    if (set[step] === -2) return true;
    if (set[step] === -1) open.push(next[step] as number, other[step] as number);
  }
  return false;
}
