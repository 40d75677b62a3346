/** The alphabet of base64url, as bytes. */
const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');

/** Whether `text` stands in the buffer. A loop: for so few bytes a string would cost ten times as much. */
export function standsAt(buffer: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let index = 0; index < text.length; index++) if (buffer[at + index] !== text[index]) return false;
  return true;
}

/** Whether the digest at `from` (32 bytes) stands in the buffer as base64url, in the one way to write it. */
export function digestStandsAt(buffer: Uint8Array, at: number, digest: Uint8Array, from = 0): boolean {
  let to = at;
  const end = from + 30;
  for (let index = from; index < end; index += 3, to += 4) {
    const bits =
      ((digest[index] as number) << 16) |
      ((digest[index + 1] as number) << 8) |
      (digest[index + 2] as number);
    if (
      buffer[to] !== ALPHABET[bits >> 18] ||
      buffer[to + 1] !== ALPHABET[(bits >> 12) & 63] ||
      buffer[to + 2] !== ALPHABET[(bits >> 6) & 63] ||
      buffer[to + 3] !== ALPHABET[bits & 63]
    )
      return false;
  }
  const last = ((digest[end] as number) << 10) | ((digest[end + 1] as number) << 2);
  return (
    buffer[to] === ALPHABET[last >> 12] &&
    buffer[to + 1] === ALPHABET[(last >> 6) & 63] &&
    buffer[to + 2] === ALPHABET[last & 63]
  );
}
