import { COLON, COMMA, OPEN_BRACE, OPEN_BRACKET, QUOTE, scanned, stringEnd } from './scan.ts';

/**
 * Counts opening brackets, colons and commas outside strings. Parsing drops all but the last of several fields of one
 * name; an upstream may take the first. If the count is higher than that of the parsed value, it has dropped some.
 */
export function jsonNodes(body: Uint8Array): number {
  const text = scanned(body);
  let nodes = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = stringEnd(text, i + 1);
        break;
      case COMMA:
      case COLON:
      case OPEN_BRACKET:
      case OPEN_BRACE:
        nodes++;
        break;
      default:
    }
  }
  return nodes;
}
