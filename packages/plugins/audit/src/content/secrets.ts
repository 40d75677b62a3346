/** What providers' and tools' secrets look like. Bounded repetitions, so that no text takes long. */
const SECRET = new RegExp(
  [
    String.raw`\b(?:sk|pk|rk)[-_][\w-]{8,256}`,
    String.raw`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`,
    String.raw`\bAIza[\w-]{30,64}`,
    String.raw`\bgh[pousr]_\w{16,256}`,
    String.raw`\bgithub_pat_\w{16,256}`,
    String.raw`\bglpat-[\w-]{16,256}`,
    String.raw`\bxox[abeprs]-[\w-]{8,256}`,
    String.raw`\b(?:hf|npm)_\w{16,256}`,
    String.raw`\beyJ[\w-]{8,4096}\.eyJ[\w-]{8,4096}\.[\w-]{8,1024}`,
    String.raw`-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[^-]{0,16384}-----END [A-Z ]{0,32}PRIVATE KEY-----`,
    String.raw`\b[Bb]earer [\w.~+/=-]{8,4096}`,
    String.raw`(?<=://[^/\s:@"]{0,256}:)[^/\s@"]{1,256}(?=@)`,
  ].join('|'),
  'g',
);

/**
 * Any text with a secret has one of these; to look for them first is several times as fast. It looks for the rare
 * characters, and then back: four times as fast again as to look for the beginnings.
 */
const HINT =
  /[-_](?<=[spr]k[-_]|gh[pousr]_|github_|glpat-|xox[abeprs]-|hf_|npm_)|A[KSI]I?[Az]|eyJ|-----B|earer |:\/\//;

/** What stands in a secret's place. */
const MASK = '[SECRET]';

/** The text without what looks like a key, a token or a password. */
export function maskSecrets(text: string): string {
  return HINT.test(text) ? text.replace(SECRET, MASK) : text;
}

/** Bodies beyond this are not looked through: it would hold up every other call. Their salted digest tells nothing. */
const MAX_SCANNED_BYTES = 1 << 20;

/** The bytes to be hashed: the body itself, or what is left of it without secrets. */
export function maskedBytes(body: Uint8Array): Uint8Array {
  if (body.length > MAX_SCANNED_BYTES) return body;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!HINT.test(bytes.toString('latin1'))) return body;
  const text = bytes.toString('utf8');
  const masked = text.replace(SECRET, MASK);
  return masked === text ? body : Buffer.from(masked);
}
