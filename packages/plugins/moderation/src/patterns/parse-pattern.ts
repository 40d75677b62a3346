/** What a pattern is made of. */
export type Node =
  | { readonly kind: 'set'; readonly source: string }
  | { readonly kind: 'sequence'; readonly parts: readonly Node[] }
  | { readonly kind: 'choice'; readonly parts: readonly Node[] }
  | { readonly kind: 'repeat'; readonly part: Node; readonly min: number; readonly max: number };

/** Longest pattern, in characters. */
const MAX_LENGTH = 1_000;
const MAX_DEPTH = 20;

const SET = /\[(?:[^\]\\]|\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[pP]\{[^}]{1,40}\}|.))+\]/y;
const ESCAPE = /\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[pP]\{[^}]{1,40}\}|[dDsSwWntrfv]|[^0-9A-Za-z])/y;
const QUANTIFIER = /(?:([*+?])|\{(\d{1,4})(?:(,)(\d{1,4})?)?\})(\??)/y;

/** Reads the subset that an automaton can run: no assertions, no references back. */
class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Node {
    const node = this.#choice();
    if (this.#at < this.#text.length) throw this.#error('unbalanced )');
    return node;
  }

  #choice(): Node {
    if (++this.#depth > MAX_DEPTH) throw this.#error('nested too deeply');
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    this.#depth--;
    return parts.length === 1 ? (parts[0] as Node) : { kind: 'choice', parts };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    for (;;) {
      const next = this.#text.charAt(this.#at);
      if (next === '' || next === '|' || next === ')') return { kind: 'sequence', parts };
      parts.push(this.#repeated(this.#atom()));
    }
  }

  #repeated(part: Node): Node {
    const match = this.#match(QUANTIFIER);
    if (match === undefined) return part;
    const [, sign, min, comma, max] = match;
    const from = sign === undefined ? Number(min) : sign === '+' ? 1 : 0;
    const open = sign === '*' || sign === '+' || (comma !== undefined && max === undefined);
    const to = open ? Infinity : sign === '?' ? 1 : Number(max ?? min);
    if (to < from) throw this.#error('a quantifier whose end is before its beginning');
    if (this.#match(QUANTIFIER) !== undefined) throw this.#error('a quantifier of a quantifier');
    return { kind: 'repeat', part, min: from, max: to };
  }

  #atom(): Node {
    if (this.#take('(')) {
      if (this.#take('?') && !this.#take(':')) {
        throw this.#error('a look-around or a named group; only (…) and (?:…) can be used');
      }
      const inner = this.#choice();
      if (!this.#take(')')) throw this.#error('unbalanced (');
      return inner;
    }
    const set = this.#match(SET) ?? this.#match(ESCAPE);
    if (set !== undefined) return { kind: 'set', source: set[0] };
    const one = this.#text.charAt(this.#at);
    if (one === '\\') throw this.#error('a reference back, an assertion or an unknown escape');
    if ('^$*+?{}[]'.includes(one))
      throw this.#error(`"${one}", which must be escaped where it is a character`);
    const point = this.#text.codePointAt(this.#at) as number;
    if (point > 0xffff) throw this.#error('a character outside the basic plane');
    this.#at++;
    return { kind: 'set', source: one === '.' ? '.' : `\\u${point.toString(16).padStart(4, '0')}` };
  }

  #take(sign: string): boolean {
    if (this.#text.charAt(this.#at) !== sign) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at += match[0].length;
    return match;
  }

  #error(what: string): SyntaxError {
    return new SyntaxError(`has ${what} (at character ${this.#at + 1})`);
  }
}

/**
 * Takes a pattern apart.
 *
 * @throws SyntaxError What about it cannot be run.
 */
export function parsePattern(text: string): Node {
  if (text.length > MAX_LENGTH) throw new SyntaxError(`is longer than ${MAX_LENGTH} characters`);
  return new Reader(text).read();
}
