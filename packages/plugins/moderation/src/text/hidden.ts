/** A text within a text. */
export interface HiddenText {
  /** Where what hides it begins. */
  readonly start: number;
  /** Where that ends. */
  readonly end: number;
  /** What it says. */
  readonly text: string;
}

const BASE64 = /[A-Za-z0-9+/_-]{8,4096}={0,2}/g;
const OVERRIDE = /[\u202e\u2067\u202b][^\u202c\u2069\n]{1,256}/g;
/** Texts that are looked for in one text: more of them are no prose. */
const MAX_HIDDEN = 64;

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decoded(base64: string): string | undefined {
  try {
    const text = utf8.decode(Buffer.from(base64, 'base64'));
    // Prose has no control characters; what decodes to some was never encoded.
    return /\p{Cc}/u.test(text.replaceAll(/\s/g, '')) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** Texts in base64, and texts that are written backwards to be shown forwards. Only for whole texts. */
export function hiddenTexts(text: string): HiddenText[] {
  const hidden: HiddenText[] = [];
  for (const match of text.matchAll(BASE64)) {
    if (hidden.length >= MAX_HIDDEN) break;
    // A word of prose has one case and no digits; decoding each would cost more than reading it.
    if (!/[A-Z]/.test(match[0]) || !/[a-z0-9]/.test(match[0])) continue;
    const inner = decoded(match[0]);
    if (inner !== undefined && inner.length > 1)
      hidden.push({ start: match.index, end: match.index + match[0].length, text: inner });
  }
  for (const match of text.matchAll(OVERRIDE)) {
    if (hidden.length >= MAX_HIDDEN * 2) break;
    const backwards = Array.from(match[0].slice(1)).toReversed().join('');
    hidden.push({ start: match.index, end: match.index + match[0].length, text: backwards });
  }
  return hidden;
}
