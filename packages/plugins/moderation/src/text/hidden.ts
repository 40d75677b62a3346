/** A text within a text. */
export interface HiddenText {
  /** Where what hides it begins. */
  readonly start: number;
  /** Where that ends. */
  readonly end: number;
  /** What it says. */
  readonly text: string;
}

/** Shortest run of base64 that is decoded. */
const MIN_RUN = 8;
const MAX_RUN = 4_096;
const OVERRIDE = /[\u202e\u2067\u202b][^\u202c\u2069\n]{1,256}/g;
/** Texts that are looked for in one text: more of them are no prose. */
const MAX_HIDDEN = 64;
const NOTHING: readonly HiddenText[] = [];
const EQUALS = 61;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** By ASCII unit: whether it stands in base64. */
const BASE64 = new Uint8Array(128);
for (const one of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-'.split('')) {
  BASE64[one.charCodeAt(0)] = 1;
}

function decoded(base64: string): string | undefined {
  try {
    const text = utf8.decode(Buffer.from(base64, 'base64'));
    // Prose has no control characters; what decodes to some was never encoded.
    return /\p{Cc}/u.test(text.replaceAll(/\s/g, '')) ? undefined : text;
  } catch {
    return undefined;
  }
}

const UPPER = /[A-Z]/g;

/** Where the next capital stands, or -1: no base64 is without one, and prose holds few. */
function nextUpper(text: string, from: number): number {
  UPPER.lastIndex = from;
  return UPPER.test(text) ? UPPER.lastIndex - 1 : -1;
}

function inBase64(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit < 128 && BASE64[unit] === 1;
}

/** Texts in base64, and texts that are written backwards to be shown forwards. Only for whole texts. */
export function hiddenTexts(text: string): readonly HiddenText[] {
  let hidden: HiddenText[] | undefined;
  let from = 0;
  for (let upper = nextUpper(text, 0); upper >= 0; upper = nextUpper(text, from)) {
    if ((hidden?.length ?? 0) >= MAX_HIDDEN) break;
    let start = upper;
    while (start > from && inBase64(text, start - 1)) start--;
    // What is longer than a run may be is read as several.
    start = upper - ((upper - start) % MAX_RUN);
    let end = upper + 1;
    while (end < text.length && end - start < MAX_RUN && inBase64(text, end)) end++;
    from = end;
    if (end - start < MIN_RUN) continue;
    const run = text.slice(start, end);
    for (let signs = 0; signs < 2 && text.charCodeAt(from) === EQUALS; signs++) from++;
    // A word of prose has one case and no digits; decoding each would cost more than reading it.
    const inner = /[a-z0-9]/.test(run) ? decoded(run) : undefined;
    if (inner !== undefined && inner.length > 1) (hidden ??= []).push({ start, end: from, text: inner });
  }
  if (!/[\u202e\u2067\u202b]/.test(text)) return hidden ?? NOTHING;
  hidden ??= [];
  for (const match of text.matchAll(OVERRIDE)) {
    if (hidden.length >= MAX_HIDDEN * 2) break;
    const backwards = Array.from(match[0].slice(1)).toReversed().join('');
    hidden.push({ start: match.index, end: match.index + match[0].length, text: backwards });
  }
  return hidden;
}
