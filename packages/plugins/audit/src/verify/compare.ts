/** The alphabet of base64url, as bytes. */
const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');

/** Whether `text` stands in the buffer. A loop: for so few bytes a string would cost ten times as much. */
export function standsAt(buffer: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let index = 0; index < text.length; index++) if (buffer[at + index] !== text[index]) return false;
  return true;
}

/** Whether a digest (32 bytes) stands in the buffer as base64url, in the one way to write it. */
export function digestStandsAt(buffer: Uint8Array, at: number, digest: Uint8Array): boolean {
  let to = at;
  for (let from = 0; from < 30; from += 3, to += 4) {
    const bits =
      ((digest[from] as number) << 16) | ((digest[from + 1] as number) << 8) | (digest[from + 2] as number);
    if (
      buffer[to] !== ALPHABET[bits >> 18] ||
      buffer[to + 1] !== ALPHABET[(bits >> 12) & 63] ||
      buffer[to + 2] !== ALPHABET[(bits >> 6) & 63] ||
      buffer[to + 3] !== ALPHABET[bits & 63]
    )
      return false;
  }
  const last = ((digest[30] as number) << 10) | ((digest[31] as number) << 2);
  return (
    buffer[to] === ALPHABET[last >> 12] &&
    buffer[to + 1] === ALPHABET[(last >> 6) & 63] &&
    buffer[to + 2] === ALPHABET[last & 63]
  );
}
