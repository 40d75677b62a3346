/** A character written as an escape. */
export interface Escape {
  /** The character; empty for one that separates. */
  readonly character: string;
  /** Code units that the escape takes. */
  readonly length: number;
}

/** Longest escape: four UTF-8 bytes in percent signs. */
const MAX_ESCAPE_LENGTH = 12;

const JSON_ESCAPE = /\\(?:u\{([0-9a-f]{1,6})\}|u([0-9a-f]{4})(?:\\u(d[c-f][0-9a-f]{2}))?|x([0-9a-f]{2}))/iy;
const JSON_SIGN = /\\[nrtbf"\\/]/y;
const ENTITY = /&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|(nbsp|shy|zwj|zwnj|ensp|emsp|thinsp|amp|lt|gt|quot));/iy;
const PERCENT = /%[0-9a-f]{2}(?:%[89ab][0-9a-f]){0,3}/iy;
const UNFINISHED =
  /(?:\\(?:u(?:\{[0-9a-f]{0,6}|[0-9a-f]{0,3})?|x[0-9a-f]?)?|&(?:#(?:x[0-9a-f]{0,6}|[0-9]{0,7})?|[a-z]{1,5})?|(?:%[0-9a-f]{2}){0,3}%[0-9a-f]?)$/iy;

function at(pattern: RegExp, text: string, index: number): RegExpExecArray | null {
  pattern.lastIndex = index;
  return pattern.exec(text);
}

function pointOf(digits: string, radix: number): string {
  const point = Number.parseInt(digits, radix);
  return point <= 0x10_ffff ? String.fromCodePoint(point) : '';
}

/**
 * Reads the escape that begins at `index`: of JSON and JavaScript, of HTML, of URLs. Undefined when there is none,
 * `unfinished` when the text ends within what may become one.
 *
 * @param json The text is a piece of raw JSON: `\n` is a line break, and not a backslash before a word.
 */
export function readEscape(text: string, index: number, json: boolean): Escape | 'unfinished' | undefined {
  const rest = text.length - index;
  switch (text.charAt(index)) {
    case '\\': {
      const escape = at(JSON_ESCAPE, text, index);
      if (escape !== null) {
        const [{ length }, braced, four, low, two] = escape;
        const character =
          pointOf(braced ?? four ?? two ?? '', 16) + (low === undefined ? '' : pointOf(low, 16));
        return { character, length };
      }
      if (json && at(JSON_SIGN, text, index) !== null) return { character: '', length: 2 };
      break;
    }
    case '&': {
      const entity = at(ENTITY, text, index);
      if (entity !== null) {
        const [{ length }, hex, decimal] = entity;
        const digits = hex ?? decimal;
        return {
          character: digits === undefined ? '' : pointOf(digits, hex === undefined ? 10 : 16),
          length,
        };
      }
      break;
    }
    case '%': {
      const percent = at(PERCENT, text, index);
      if (percent !== null) return percentEscape(percent[0], rest);
      break;
    }
    default:
      return undefined;
  }
  return rest < MAX_ESCAPE_LENGTH && at(UNFINISHED, text, index) !== null ? 'unfinished' : undefined;
}

/** As many of the bytes as make one character. */
function percentEscape(given: string, rest: number): Escape | 'unfinished' | undefined {
  const bytes = Buffer.from(given.replaceAll('%', ''), 'hex');
  const lead = bytes[0] as number;
  const need = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (bytes.length < need) return rest < need * 3 && rest - given.length < 3 ? 'unfinished' : undefined;
  const character = bytes.subarray(0, need).toString('utf8');
  return character.includes('\ufffd') ? undefined : { character, length: need * 3 };
}
