/** A nondeterministic automaton. A step reads one character of a class, or branches. */
export interface Nfa {
  /** By step: the number of the set it reads, or -1 for a branch, or -2 for the end. */
  readonly set: readonly number[];
  readonly next: readonly number[];
  /** The other way of a branch, or -1. */
  readonly other: readonly number[];
  readonly start: number;
  /** By code unit, the class it is in: units that every set treats alike. */
  readonly classes: Uint16Array;
  /** By class, whether each set holds it. */
  readonly holds: readonly (readonly boolean[])[];
}
