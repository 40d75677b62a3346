import { LOOKALIKES } from './data/lookalikes.ts';
import { RADICALS } from './data/radicals.ts';
import { SIMPLIFIED } from './data/simplified.ts';
import { KIND, kindAt } from './kinds.ts';

/** In a fold table: the character is passed over. */
export const SKIP = 0;
/** In a fold table: one unit does not tell; see {@link foldSlowly}. */
export const SPECIAL = 1;

/** Characters that may begin an escape: `%E5`, `&#x5f39;`, `\u5f39`. */
const ESCAPES = new Set(['%', '&', '\\'].map((sign) => sign.charCodeAt(0)));

/** Letters that Unicode gives no decomposition. */
const SMALL_CAPITALS = 'ᴀaʙbᴄcᴅdᴇeꜰfɢgʜhɪiᴊjᴋkʟlᴍmɴnᴏoᴘpꞯqʀrꜱsᴛtᴜuᴠvᴡwʏyᴢzøołlđdħh';

/** Signs whose compatibility form is a letter: enclosed, squared, full-width. */
const LETTER_SIGN = /^[\u2460-\u24ff\u3200-\u33ff\uff00-\uffef\u{1f100}-\u{1f2ff}]$/u;

let simple: Map<string, string> | undefined;

/** Single characters in place of single characters, after case and compatibility are gone. */
function substitutes(): Map<string, string> {
  if (simple !== undefined) return simple;
  simple = new Map<string, string>();
  for (const pairs of [SIMPLIFIED, SMALL_CAPITALS]) {
    for (let i = 0; i < pairs.length; i += 2) simple.set(pairs.charAt(i), pairs.charAt(i + 1));
  }
  for (const group of LOOKALIKES.split(' ')) {
    // Both cases, so that a script that has two stays one word in either.
    for (const like of group.slice(1)) {
      for (const form of [like, like.toLowerCase(), like.toUpperCase()]) {
        if (form.length === 1 && !simple.has(form)) simple.set(form, group.charAt(0));
      }
    }
  }
  return simple;
}

/** Squared, circled and regional letters, which Unicode leaves undecomposed. */
function enclosed(point: number): string | undefined {
  for (const first of [0x1f150, 0x1f170, 0x1f1e6]) {
    if (point >= first && point < first + 26) return String.fromCharCode(97 + point - first);
  }
  return undefined;
}

const COMPOSED = /^[\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}]/u;

/** One character as the matcher reads it: no case, no marks, no width, one script. Empty: passed over. */
function foldCharacter(character: string): string {
  const point = character.codePointAt(0) as number;
  const letter = enclosed(point);
  if (letter !== undefined) return letter;
  const radical = RADICALS.indexOf(character);
  if (radical >= 0 && radical % 2 === 0) return RADICALS.charAt(radical + 1);
  const kind = kindAt(character, 0);
  if (kind === KIND.transparent || kind === KIND.space) return '';
  if ((kind === KIND.joiner || kind === KIND.stop) && !LETTER_SIGN.test(character)) return '';
  const form = (text: string): string => text.normalize(COMPOSED.test(text) ? 'NFKC' : 'NFKD');
  let folded = '';
  for (const part of form(form(character).toUpperCase().toLowerCase())) {
    const partKind = kindAt(part, 0);
    if (partKind === KIND.other || partKind === KIND.letter || partKind === KIND.digit) {
      folded += substitutes().get(part) ?? part;
    }
  }
  return folded;
}

let units: Uint16Array | undefined;

/**
 * For each code unit, the unit that it folds to, {@link SKIP} or {@link SPECIAL}. A table instead of
 * `normalize()`: its time does not depend on what stands next to what, so a run of marks costs nothing.
 */
export function foldTable(): Uint16Array {
  if (units !== undefined) return units;
  units = new Uint16Array(65_536);
  for (let unit = 0; unit < 65_536; unit++) {
    const isHigh = unit >= 0xd800 && unit < 0xdc00;
    const folded = isHigh ? '' : foldCharacter(String.fromCharCode(unit));
    if (isHigh || ESCAPES.has(unit) || folded.length > 1) units[unit] = SPECIAL;
    else units[unit] = folded === '' ? SKIP : folded.charCodeAt(0);
  }
  return units;
}

/** Digits and signs that stand in for letters. They are digits and signs first, so they get a pass of their own. */
export const LEET: ReadonlyMap<string, string> = new Map(
  Object.entries({
    0: 'o',
    1: 'i',
    3: 'e',
    4: 'a',
    5: 's',
    7: 't',
    8: 'b',
    '@': 'a',
    $: 's',
    '!': 'i',
    '|': 'l',
  }),
);

const astral = new Map<number, string>();
/** Folded astral characters that are kept. A caller chooses which ones there are. */
const MAX_ASTRAL = 4096;

/** As {@link foldCharacter}, for what the table does not tell. */
export function foldSlowly(text: string, index: number): string {
  const point = text.codePointAt(index) as number;
  let folded = astral.get(point);
  if (folded === undefined) {
    folded = foldCharacter(String.fromCodePoint(point));
    if (astral.size < MAX_ASTRAL) astral.set(point, folded);
  }
  return folded;
}
