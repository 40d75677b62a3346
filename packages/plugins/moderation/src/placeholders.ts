import type { Find, Finder, Found, Reading } from './finder.ts';

/** Placeholders of one call, at most: a caller must not fill memory with them. */
const MAX_PLACEHOLDERS = 1_000;

/** Names are shorter than this, as long as their labels are those of detectors. */
const SHORT = 24;

/** What may still become one, at the end of a text that goes on. */
const BEGUN = /^\[[A-Z]{0,10}(?:_\d{0,4})?$/;

/**
 * What was taken out of one call's input, to be put back into its answer: `[EMAIL_1]` for the first address. The same
 * text has the same placeholder, so that the model can tell who is who.
 */
export class Placeholders implements Finder {
  readonly #byText = new Map<string, string>();
  readonly #byName = new Map<string, string>();
  readonly #counts = new Map<string, number>();
  /** Length of the longest name: no more is read behind each bracket. */
  #longest = SHORT;

  /** The placeholder of a text; undefined when there are too many already. */
  of(text: string, label: string): string | undefined {
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    if (this.#byText.size >= MAX_PLACEHOLDERS) return undefined;
    const count = (this.#counts.get(label) ?? 0) + 1;
    this.#counts.set(label, count);
    const name = label.replace(/\]?$/, `_${count}]`);
    this.#byText.set(text, name);
    this.#byName.set(name, text);
    this.#longest = Math.max(this.#longest, name.length);
    return name;
  }

  find(text: string, { final, json }: Reading): Found {
    const finds: Find[] = [];
    let hold = text.length;
    for (let start = text.indexOf('['); start >= 0; start = text.indexOf('[', start + 1)) {
      const reach = text.slice(start, start + this.#longest);
      const length = reach.indexOf(']') + 1;
      const name = length === 0 ? reach : reach.slice(0, length);
      const original = this.#byName.get(name);
      if (original !== undefined) {
        const restores = json ? JSON.stringify(original).slice(1, -1) : original;
        const [rule, end] = ['placeholder', start + length];
        finds.push({ start, end, rule, category: rule, severity: 'low', restores });
      } else if (!final && length === 0 && name.length < SHORT && BEGUN.test(name)) {
        hold = Math.min(hold, start);
      }
    }
    return { finds, hold };
  }
}
