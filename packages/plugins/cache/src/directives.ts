/** What a caller asks of the cache, in `cache-control` (RFC 9111 §5.2.1). */
export interface Directives {
  /** Neither look up nor store. */
  readonly noStore: boolean;
  /** Do not answer with anything stored; store the new answer. */
  readonly noCache: boolean;
  /** Do not answer with anything older, in milliseconds. */
  readonly maxAgeMs: number;
  /** Answer with something stored, or not at all. */
  readonly onlyIfCached: boolean;
}

const NONE: Directives = { noStore: false, noCache: false, maxAgeMs: Infinity, onlyIfCached: false };

/** Reads the header. What is unknown or malformed is ignored; of two ages the lower counts. */
export function readDirectives(header: string | undefined): Directives {
  if (header === undefined) return NONE;
  let { noStore, noCache, maxAgeMs, onlyIfCached } = NONE;
  for (const part of header.toLowerCase().split(',')) {
    const [name = '', value = ''] = part.split('=', 2).map((text) => text.trim());
    if (name === 'no-store') noStore = true;
    else if (name === 'no-cache') noCache = true;
    else if (name === 'only-if-cached') onlyIfCached = true;
    else if (name === 'max-age' && /^"?\d{1,10}"?$/.test(value)) {
      maxAgeMs = Math.min(maxAgeMs, Number(value.replaceAll('"', '')) * 1_000);
    }
  }
  return { noStore, noCache, maxAgeMs, onlyIfCached };
}
