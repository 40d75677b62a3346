import type { Find, Finder, Found, Reading } from '../finder.ts';
import { PERSONAL_DATA } from '../policy.ts';
import { MAX_SPAN } from '../words/entry.ts';
import { type DetectorName, DETECTORS } from './detectors.ts';

/** Full-width forms of ASCII, one unit for one. */
const WIDE = /[\uff01-\uff5e]/;

/** Finds personal data and secrets. */
export class DetectorFinder implements Finder {
  readonly #names: readonly DetectorName[];

  constructor(names: readonly DetectorName[]) {
    this.#names = names;
  }

  find(text: string, { final }: Reading): Found {
    const narrow = WIDE.test(text)
      ? text.replaceAll(/[\uff01-\uff5e]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0))
      : text;
    const finds: Find[] = [];
    for (const name of this.#names) {
      const { sign, pattern, check, label, severity } = DETECTORS[name];
      if (sign !== undefined && !sign.test(narrow)) continue;
      // Not `matchAll`: it copies the pattern, which is most of the cost of a short piece of a stream.
      pattern.lastIndex = 0;
      for (let match = pattern.exec(narrow); match !== null; match = pattern.exec(narrow)) {
        const [found] = match;
        if (check !== undefined && !check(found)) continue;
        const rule = `detector:${name}`;
        finds.push({
          start: match.index,
          end: match.index + found.length,
          rule,
          category: PERSONAL_DATA,
          severity,
          label: `[${label}]`,
        });
      }
    }
    return { finds, hold: final ? text.length : openRun(narrow) };
  }
}

const IN_RUN = /[0-9A-Za-z._+@:-]/;

/** Where the run of characters starts that the text ends with and that may still become a find. */
function openRun(text: string): number {
  const least = Math.max(0, text.length - MAX_SPAN + 1);
  let start = text.length;
  while (start > least) {
    const one = text.charAt(start - 1);
    // Numbers are written in groups.
    const inGroup = one === ' ' && start > 1 && /\d/.test(text.charAt(start - 2));
    if (!inGroup && !IN_RUN.test(one)) break;
    start--;
  }
  return start;
}
