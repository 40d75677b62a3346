import type { Find, Finder, Found, Reading } from './finder.ts';

/** Several finders as one. */
export class CombinedFinder implements Finder {
  readonly #finders: readonly Finder[];

  constructor(finders: readonly Finder[]) {
    this.#finders = finders;
  }

  find(text: string, reading: Reading): Found {
    let finds: readonly Find[] = [];
    let hold = text.length;
    for (const finder of this.#finders) {
      const found = finder.find(text, reading);
      if (found.finds.length > 0) finds = finds.length === 0 ? found.finds : [...finds, ...found.finds];
      if (found.hold < hold) hold = found.hold;
    }
    return { finds, hold };
  }
}
