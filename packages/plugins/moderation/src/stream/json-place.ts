/** What a unit of raw JSON belongs to. */
const UNIT = { outside: 0, value: 1, name: 2, quote: 3, continuesEscape: 4 } as const;

const [QUOTE, BACKSLASH, COMMA, COLON, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT, LETTER_U] =
  Array.from('"\\,:[]{}u', (sign) => sign.charCodeAt(0));

/** Nesting that is followed. A name is not told from a value below it, and nothing is changed there. */
const MAX_DEPTH = 1_000;

/** Where in raw JSON a text stands that comes in pieces: within which string, and whether that is a name. */
export class JsonPlace {
  /** By nesting: whether it is an object. */
  readonly #nesting: boolean[];
  #tooDeep = 0;
  #inString = false;
  /** Whether the string is a name, or the next one would be. */
  #isName = false;
  /** Units that are missing of an escape; -1: the one behind the backslash, which tells how many. */
  #escape = 0;

  constructor(from?: JsonPlace) {
    this.#nesting = from === undefined ? [] : [...from.#nesting];
    if (from === undefined) return;
    this.#tooDeep = from.#tooDeep;
    this.#inString = from.#inString;
    this.#isName = from.#isName;
    this.#escape = from.#escape;
  }

  /** Goes on behind a text. */
  read(text: string): void {
    for (let i = 0; i < text.length; i++) this.#step(text.charCodeAt(i));
  }

  /** What a text would be that came next. */
  look(text: string): JsonText {
    const place = new JsonPlace(this);
    const units = new Uint8Array(text.length + 1);
    for (let i = 0; i < text.length; i++) units[i] = place.#step(text.charCodeAt(i));
    if (place.#escape !== 0) units[text.length] = UNIT.continuesEscape;
    return new JsonText(units);
  }

  #step(unit: number): number {
    if (!this.#inString) return this.#between(unit);
    const own = this.#isName || this.#tooDeep > 0 ? UNIT.name : UNIT.value;
    if (this.#escape !== 0) {
      this.#escape = this.#escape > 0 ? this.#escape - 1 : unit === LETTER_U ? 4 : 0;
      return own | UNIT.continuesEscape;
    }
    if (unit === BACKSLASH) this.#escape = -1;
    if (unit !== QUOTE) return own;
    this.#inString = false;
    return UNIT.quote;
  }

  #between(unit: number): number {
    switch (unit) {
      case QUOTE:
        this.#inString = true;
        return UNIT.quote;
      case OPEN_OBJECT:
      case OPEN_LIST:
        if (this.#nesting.length < MAX_DEPTH) this.#nesting.push(unit === OPEN_OBJECT);
        else this.#tooDeep++;
        this.#isName = unit === OPEN_OBJECT;
        break;
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        if (this.#tooDeep > 0) this.#tooDeep--;
        else this.#nesting.pop();
        this.#isName = false;
        break;
      case COMMA:
        this.#isName = this.#nesting.at(-1) === true;
        break;
      case COLON:
        this.#isName = false;
        break;
      default:
    }
    return UNIT.outside;
  }
}

/** A piece of raw JSON that was looked at. */
export class JsonText {
  /** One for each unit, and one more for what comes behind them. */
  readonly #units: Uint8Array;

  constructor(units: Uint8Array) {
    this.#units = units;
  }

  /**
   * The whole characters of a stretch, and whether they may be changed: only within the string of a value. Undefined
   * for one that holds the end of a string: whoever parses the JSON does not see both sides of it as one text.
   */
  fit(
    from: number,
    to: number,
  ): { readonly start: number; readonly end: number; readonly editable: boolean } | undefined {
    let [start, end] = [Math.max(0, from), Math.max(0, to)];
    while (start < end && this.#continuesEscape(start)) start++;
    while (end > start && this.#continuesEscape(end)) end--;
    if (start >= end || this.#units.subarray(start, end).includes(UNIT.quote)) return undefined;
    return { start, end, editable: this.#units[start] === UNIT.value };
  }

  #continuesEscape(at: number): boolean {
    return ((this.#units[at] as number) & UNIT.continuesEscape) !== 0;
  }
}
