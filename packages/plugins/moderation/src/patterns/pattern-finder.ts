import type { Find, Finder, Found, Reading } from '../finder.ts';
import { MAX_SPAN, type Severity } from '../words/entry.ts';
import { PatternAutomaton } from './automaton.ts';
import { compilePattern } from './compile-pattern.ts';

/** A regular expression to find. */
export interface PatternRule {
  /** Names it in verdicts, `pattern:name`. */
  readonly name: string;
  /**
   * The expression: characters, sets, groups, alternatives, quantifiers. Assertions and references back are refused.
   * A match is at most 256 characters long.
   */
  readonly pattern: string;
  /** @default false */
  readonly ignoreCase?: boolean;
  /** @default 'custom' */
  readonly category?: string;
  /** @default 'high' */
  readonly severity?: Severity;
  /** What stands in the place of a match that is redacted. Default: a star for each character. */
  readonly label?: string;
  /** What the expression cannot tell, such as a check digit. */
  readonly check?: (match: string) => boolean;
}

interface CompiledRule {
  readonly rule: PatternRule;
  readonly automaton: PatternAutomaton;
  /** Tells in one pass where matches may end. */
  readonly anywhere: PatternAutomaton;
}

/** Longest match, in code units. */
const MAX_MATCH = MAX_SPAN - 1;

/** Finds matches of patterns, the longest at each place, in time that grows with the text alone. */
export class PatternFinder implements Finder {
  readonly #rules: readonly CompiledRule[];

  constructor(rules: readonly PatternRule[]) {
    this.#rules = rules.map((rule) => {
      const { pattern, ignoreCase = false } = rule;
      return {
        rule,
        automaton: new PatternAutomaton(compilePattern(pattern, ignoreCase)),
        anywhere: new PatternAutomaton(compilePattern(pattern, ignoreCase, true)),
      };
    });
  }

  find(text: string, { final, json }: Reading): Found {
    const finds: Find[] = [];
    const strings = json ? new JsonStrings(text) : undefined;
    let hold = text.length;
    for (const { rule, automaton, anywhere } of this.#rules) {
      const { name, category = 'custom', severity = 'high', label, check } = rule;
      /** What lies before has been tried or found. */
      let from = 0;
      // Most texts have no match at all, and one pass tells. Where a match ends, it began not long before: no place is
      // tried twice.
      for (const ended of anywhere.ends(text)) {
        for (let start = Math.max(from, ended - MAX_MATCH); start < ended; start++) {
          from = start + 1;
          if (!automaton.begins(text.charCodeAt(start))) continue;
          const { end, open } = automaton.match(text, start, strings?.limitAt(start) ?? MAX_MATCH);
          if (open && !final) hold = Math.min(hold, start);
          if (end < 0 || (check !== undefined && !check(text.slice(start, end)))) continue;
          const find = { start, end, rule: `pattern:${name}`, category, severity };
          finds.push(label === undefined ? find : { ...find, label });
          from = end;
          start = end - 1;
        }
      }
      if (final) continue;
      // What the text ends with may still become a match.
      for (let start = Math.max(from, text.length - MAX_MATCH); start < hold; start++) {
        if (
          automaton.begins(text.charCodeAt(start)) &&
          automaton.match(text, start, strings?.limitAt(start) ?? MAX_MATCH).open
        )
          hold = start;
      }
    }
    return { finds, hold };
  }
}

/** The strings of raw JSON: whoever parses it does not see two of them as one text. */
class JsonStrings {
  readonly #text: string;
  /** The first end of a string that does not lie before the last place that was asked about. */
  #end = -1;
  #asked = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** How long a match may be that begins at a place. Cheap while places come in their order. */
  limitAt(start: number): number {
    if (start < this.#asked) this.#end = -1;
    this.#asked = start;
    while (this.#end < start) this.#end = this.#next(this.#end + 1);
    return Math.min(MAX_MATCH, this.#end - start);
  }

  #next(from: number): number {
    for (let i = from; i < this.#text.length; i++) {
      const sign = this.#text.charAt(i);
      if (sign === '\\') i++;
      else if (sign === '"') return i;
    }
    return this.#text.length;
  }
}
