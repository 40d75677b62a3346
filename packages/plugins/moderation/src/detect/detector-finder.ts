import type { Find, Finder, Found, Reading } from '../finder.ts';
import { PERSONAL_DATA } from '../policy.ts';
import { MAX_SPAN } from '../words/entry.ts';
import { ANY_SIGN, type DetectorName, DETECTORS } from './detectors.ts';

/** Full-width forms of ASCII, and the spaces and hyphens that typesetting puts into numbers, one unit for one. */
const WIDE = /[\uff01-\uff5e\u00a0\u2002-\u200a\u2010-\u2015\u202f\u3000]/;
const ALL_WIDE = new RegExp(WIDE, 'g');

function narrowed(wide: string): string {
  const unit = wide.charCodeAt(0);
  if (unit > 0xff00) return String.fromCharCode(unit - 0xfee0);
  return unit >= 0x2010 && unit <= 0x2015 ? '-' : ' ';
}

/** By ASCII unit: whether a find may hold it, and go on behind it. */
const IN_RUN = new Uint8Array(128);
for (let unit = 0; unit < 128; unit++)
  IN_RUN[unit] = /[0-9A-Za-z._+@:-]/.test(String.fromCharCode(unit)) ? 1 : 0;

/** Escapes of JSON that are two units long. */
const ESCAPE = /\\[^u]/g;

const SPACE = 32;
const NO_FINDS: readonly Find[] = [];

/** Finds personal data and secrets. */
export class DetectorFinder implements Finder {
  readonly #names: readonly DetectorName[];

  constructor(names: readonly DetectorName[]) {
    this.#names = names;
  }

  find(text: string, { final, json }: Reading): Found {
    if (!ANY_SIGN.test(text)) return { finds: NO_FINDS, hold: final ? text.length : openRun(text) };
    let narrow = WIDE.test(text) ? text.replaceAll(ALL_WIDE, narrowed) : text;
    // The letter of an escape is none that a number may stand behind.
    if (json) narrow = narrow.replaceAll(ESCAPE, '  ');
    let finds: Find[] | undefined;
    // By the sign that they share: those of one sign stand or fall together.
    let sign: RegExp | undefined;
    let signed = false;
    for (const name of this.#names) {
      const detector = DETECTORS[name];
      if (detector.sign !== sign) {
        ({ sign } = detector);
        signed = sign.test(narrow);
      }
      if (signed) finds = found(name, narrow, finds);
    }
    return { finds: finds ?? NO_FINDS, hold: final ? text.length : openRun(narrow) };
  }
}

function found(name: DetectorName, text: string, before: Find[] | undefined): Find[] | undefined {
  const { pattern, check, label, severity } = DETECTORS[name];
  let finds = before;
  // Not `matchAll`: it copies the pattern, which is most of the cost of a short piece of a stream.
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [of] = match;
    if (check !== undefined && !check(of)) continue;
    const [start, end] = [match.index, match.index + of.length];
    const find = { start, end, rule: `detector:${name}`, category: PERSONAL_DATA, severity };
    (finds ??= []).push({ ...find, label: `[${label}]` });
  }
  return finds;
}

function isDigit(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 48 && unit <= 57;
}

/** Where the run of characters starts that the text ends with and that may still become a find. */
function openRun(text: string): number {
  const least = Math.max(0, text.length - MAX_SPAN + 1);
  let start = text.length;
  while (start > least) {
    const unit = text.charCodeAt(start - 1);
    // Numbers are written in groups.
    const inGroup = unit === SPACE && start > 1 && isDigit(text, start - 2);
    if (!inGroup && (unit > 127 || IN_RUN[unit] === 0)) break;
    start--;
  }
  return start;
}
