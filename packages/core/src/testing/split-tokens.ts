/**
 * Cuts a text into pieces about as long as a model's tokens: one or two Han characters, or up to eight others with the
 * space before them. Joined, the pieces are the text again; no surrogate pair is cut.
 */
export function splitTokens(text: string): string[] {
  return text.match(/\p{Script=Han}{1,2}|\s?[^\s\p{Script=Han}]{1,8}|\s+/gu) ?? [];
}

/** Roughly how many tokens a text has: a quarter of its UTF-8 bytes, rounded up. */
export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 4);
}

/** A text given whole (it is cut by {@link splitTokens}) or as the very pieces in which it is to be streamed. */
export type TextPieces = string | readonly string[];

/** The pieces in which a text is streamed. */
export function piecesOf(text: TextPieces): readonly string[] {
  return typeof text === 'string' ? splitTokens(text) : text;
}

/** The whole text. */
export function wholeOf(text: TextPieces): string {
  return typeof text === 'string' ? text : text.join('');
}
