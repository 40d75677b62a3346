/** Tokens that are known by how they begin: the beginning, what follows it, how much of that at least and at most. */
const TOKENS: readonly (readonly [begin: string, then: string, least: number, most: number])[] = [
  [String.raw`\b(?:sk|pk|rk)[-_]`, String.raw`[\w-]`, 8, 256],
  [String.raw`\bAIza`, String.raw`[\w-]`, 30, 64],
  [String.raw`\bgh[pousr]_`, String.raw`\w`, 16, 256],
  [String.raw`\bgithub_pat_`, String.raw`\w`, 16, 256],
  [String.raw`\bglpat-`, String.raw`[\w-]`, 16, 256],
  [String.raw`\bxox[abeprs]-`, String.raw`[\w-]`, 8, 256],
  [String.raw`\b(?:hf|npm)_`, String.raw`\w`, 16, 256],
  [String.raw`\b[Bb]earer `, String.raw`[\w.~+/=-]`, 8, 4096],
];

/** What providers' and tools' secrets look like. Bounded repetitions, so that no text takes long. */
const SECRET = new RegExp(
  [
    ...TOKENS.map(([begin, then, least, most]) => `${begin}${then}{${least},${most}}`),
    String.raw`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`,
    String.raw`\beyJ[\w-]{8,4096}\.eyJ[\w-]{8,4096}\.[\w-]{8,1024}`,
    String.raw`-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[^-]{0,16384}-----END [A-Z ]{0,32}PRIVATE KEY-----`,
    String.raw`(?<=://[^/\s:@"]{0,256}:)[^/\s@"]{1,256}(?=@)`,
  ].join('|'),
  'g',
);

/** The same where a text was cut: what would show that it is one may be behind the cut. */
const CUT = new RegExp(
  `(?:${[
    ...TOKENS.map(([begin, then, , most]) => `${begin}${then}{0,${most}}`),
    String.raw`\b(?:AKIA|ASIA)[0-9A-Z]{0,16}`,
    String.raw`\beyJ[\w-]{0,4096}(?:\.[\w-]{0,4096}){0,2}`,
    String.raw`-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[^-]{0,16384}(?:-----?[A-Z ]{0,40}-{0,5}|-{0,4})`,
    String.raw`(?<=://[^/\s:@"]{0,256}:)[^/\s@"]{0,256}`,
  ].join('|')})$`,
);
/** What begins farther from the cut than that is not among them. */
const MAX_CUT_CHARS = 17_000;

/**
 * Any text with a secret has one of these; to look for them first is many times as fast. It looks for their rare
 * characters, and back from there: five times as fast as to look for the beginnings, of which some are in every word.
 */
const HINT =
  /[-_](?<=[spr]k[-_]|gh[pousr]_|github_|glpat-|xox[abeprs]-|hf_|npm_|-----(?=B))|A[KSI]I?[Az]|J(?<=eyJ)|[Bb]earer |\/(?<=:\/)\//;

/** What stands in a secret's place. */
const MASK = '[SECRET]';

/** The text without what looks like a key, a token or a password. */
export function maskSecrets(text: string): string {
  return HINT.test(text) ? text.replace(SECRET, MASK) : text;
}

/** The beginning of a longer text, without its secrets, that which the cut goes through included. */
export function maskCut(text: string): string {
  const masked = maskSecrets(text);
  const from = Math.max(0, masked.length - MAX_CUT_CHARS);
  return masked.slice(0, from) + masked.slice(from).replace(CUT, MASK);
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
