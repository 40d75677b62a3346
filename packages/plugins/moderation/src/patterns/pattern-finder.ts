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
  /** Tells in one pass whether there is a match at all; undefined where that would take too much memory. */
  readonly anywhere: PatternAutomaton | undefined;
}

/** Finds matches of patterns, the longest at each place, in time that grows with the text alone. */
export class PatternFinder implements Finder {
  readonly #rules: readonly CompiledRule[];

  constructor(rules: readonly PatternRule[]) {
    this.#rules = rules.map((rule) => {
      const { pattern, ignoreCase = false } = rule;
      const anywhere = new PatternAutomaton(compilePattern(pattern, ignoreCase, true));
      return {
        rule,
        automaton: new PatternAutomaton(compilePattern(pattern, ignoreCase)),
        anywhere: anywhere.explore() ? anywhere : undefined,
      };
    });
  }

  find(text: string, { final }: Reading): Found {
    const finds: Find[] = [];
    let hold = text.length;
    for (const { rule, automaton, anywhere } of this.#rules) {
      const { name, category = 'custom', severity = 'high', label, check } = rule;
      // Most texts have no match at all, and one pass tells.
      const none = anywhere !== undefined && text.length > MAX_SPAN && !anywhere.matchesAnywhere(text);
      for (let start = none ? text.length - MAX_SPAN : 0; start < text.length; start++) {
        if (!automaton.begins(text.charCodeAt(start))) continue;
        // Each place is read for at most the length of a match: slower than one pass, and never more than that.
        const { end, open } = automaton.match(text, start, MAX_SPAN - 1);
        if (open && !final) hold = Math.min(hold, start);
        if (end < 0 || (check !== undefined && !check(text.slice(start, end)))) continue;
        const find = { start, end, rule: `pattern:${name}`, category, severity };
        finds.push(label === undefined ? find : { ...find, label });
        start = end - 1;
      }
    }
    return { finds, hold };
  }
}
