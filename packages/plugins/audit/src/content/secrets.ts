/** A kind of token that is known by how it begins: the beginning, what follows it, how much of that at least and at most. */
type Kind = readonly [begin: string, then: string, least: number, most: number];

/** Those whose beginning ends in a sign. */
const SIGNED: readonly Kind[] = [
  ['(?:sk|pk|rk)[-_]', String.raw`[\w-]`, 8, 256],
  ['gh[pousr]_', String.raw`\w`, 16, 256],
  ['github_pat_', String.raw`\w`, 16, 256],
  ['gl(?:agent|cbt|dt|ft|imt|oas|pat|ptt|rt|soat)-', String.raw`[\w-]`, 16, 256],
  [String.raw`(?:xoxe\.)?(?:xox[a-eoprs]|xapp)-`, String.raw`[\w%-]`, 8, 512],
  ['(?:hf|npm)_', String.raw`\w`, 16, 256],
  // Of model providers: Cerebras, Nvidia, Perplexity, Tavily, xAI; Hugging Face, Groq, LangSmith, Pinecone, Replicate.
  ['(?:csk|nvapi|pplx|tvly|xai)-', String.raw`[\w-]`, 20, 256],
  ['(?:api_org|gsk|lsv2|pcsk|r8)_', String.raw`\w`, 20, 256],
  // Of clouds and tools, from Docker to Vault.
  [
    '(?:dckr_[op]at|d[op][opr]_v1|figd|fm[12]|glc|glsa|lin_api|nfp|ntn|ops)_',
    String.raw`[\w.+/=-]`,
    20,
    1024,
  ],
  ['(?:pscale_[a-z]{2,8}|rubygems|sbp|shp(?:at|ca|pa|ss)|sntry[su]|whsec)_', String.raw`[\w.+/=-]`, 20, 512],
  ['(?:GOCSPX|HRKU|NRAK|PMAK|pul|pypi|sq0(?:atp|csp)|tskey)-', String.raw`[\w-]`, 20, 256],
  ['AGE-SECRET-KEY-', String.raw`\w`, 20, 64],
  [String.raw`(?:SG|hv[bs]|ya29)\.`, String.raw`[\w.-]`, 20, 1024],
];

/** The others. */
const UNSIGNED: readonly Kind[] = [
  ['AIza', String.raw`[\w-]`, 30, 64],
  ['A(?:3T[0-9A-Z]|BIA|CCA|KIA|SIA)', '[0-9A-Z]', 16, 16],
  ['(?:ABSK|AKID|AKLT|LTAI)', String.raw`[\w+/=]`, 16, 256],
  ['ATATT3', String.raw`[\w=-]`, 20, 256],
  ['[Bb]earer ', String.raw`[\w.~+/=-]`, 8, 4096],
  [String.raw`(?<=uthorization\W{1,8})[Bb]asic `, String.raw`[\w+/=]`, 12, 4096],
];

/** A token of JSON's, which is known by its middle as well. */
const WEB_TOKEN = String.raw`eyJ[\w-]{8,4096}\.eyJ[\w-]{8,4096}\.[\w-]{8,1024}`;
const WEB_TOKEN_CUT = String.raw`eyJ[\w-]{0,4096}(?:\.[\w-]{0,4096}){0,2}`;
/** The letter of an escape belongs to no word: bodies are raw JSON, and a key that begins a line has an `n` before it. */
const ESCAPE = String.raw`\\(?:[bfnrt]|u[\da-fA-F]{4})|%[\dA-F]{2}`;
const PEM = '[A-Z ]{0,32}PRIVATE KEY(?: BLOCK)?-----';
/** With the lines before the key itself, and their hyphens. */
const PEM_BEGUN = `-----BEGIN ${PEM}(?:[^-]|-(?!----)){0,16384}`;
const BEFORE_PASSWORD = String.raw`://[^/\s:@"]{0,256}:`;
const BEFORE_HOOK = String.raw`//hooks\.slack\.com/(?:services|triggers|workflows)/`;

function tokens(isCut: boolean): string {
  const kinds = [...SIGNED, ...UNSIGNED].map(
    ([begin, then, least, most]) => `${begin}${then}{${isCut ? 0 : least},${most}}`,
  );
  return `(?:${[...kinds, isCut ? WEB_TOKEN_CUT : WEB_TOKEN].join('|')})`;
}

// What providers' and tools' secrets look like. Bounded repetitions, so that no text takes long; each by itself, which
// takes half the time of all in one. What stands before a secret and stays is the first group.
const TOKEN = new RegExp(String.raw`()\b${tokens(false)}`, 'g');
const TOKEN_ESCAPED = new RegExp(`(${ESCAPE})${tokens(false)}`, 'g');
const PRIVATE_KEY = new RegExp(`()${PEM_BEGUN}-----END ${PEM}`, 'g');
const PASSWORD = new RegExp(String.raw`(${BEFORE_PASSWORD})[^/\s@"]{1,256}(?=@)`, 'g');
const HOOK = new RegExp(String.raw`(${BEFORE_HOOK})[\w/]{16,256}`, 'g');

/** The same where a text was cut: what would show that it is one may be behind the cut. */
const CUT = new RegExp(
  `(?:${[
    String.raw`(?:\b|(?<=${ESCAPE}))${tokens(true)}`,
    `${PEM_BEGUN}(?:-----?[A-Z ]{0,40}-{0,5}|-{0,4})`,
    String.raw`(?<=${BEFORE_PASSWORD})[^/\s@"]{0,256}`,
    String.raw`(?<=${BEFORE_HOOK})[\w/]{0,256}`,
  ].join('|')})$`,
);
/** What begins farther from the cut than that is not among them. */
const MAX_CUT_CHARS = 17_000;

/**
 * Any text with a token has one of these; to look for them first is several times as fast. It looks for the rare
 * characters, and then back: four times as fast again as to look for the beginnings.
 */
const SIGN_HINT = new RegExp(
  String.raw`[-_.](?=[\w%+/=-]{8})(?<=${SIGNED.map(([begin]) => begin).join('|')})`,
);
const LETTERS_HINT = /A(?:[KS]IA|3T|BIA|BSK|CCA|Iza|KID|KLT|TATT)|LTAI|eyJ|[Bb](?:earer|asic) /;
const URL_SIGN = '://';
const PEM_SIGN = '-----BEGIN ';

function mayHoldToken(text: string): boolean {
  return SIGN_HINT.test(text) || LETTERS_HINT.test(text);
}

/** What stands in a secret's place. */
const MASK = '[SECRET]';
const MASKED = `$1${MASK}`;

/** The text without what looks like a key, a token or a password. */
export function maskSecrets(text: string): string {
  let masked = text;
  if (text.includes(PEM_SIGN)) masked = masked.replace(PRIVATE_KEY, MASKED);
  if (mayHoldToken(text)) masked = masked.replace(TOKEN, MASKED).replace(TOKEN_ESCAPED, MASKED);
  if (text.includes(URL_SIGN)) masked = masked.replace(PASSWORD, MASKED).replace(HOOK, MASKED);
  return masked;
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
  const quick = bytes.toString('latin1');
  if (!quick.includes(URL_SIGN) && !quick.includes(PEM_SIGN) && !mayHoldToken(quick)) return body;
  const text = bytes.toString('utf8');
  const masked = maskSecrets(text);
  return masked === text ? body : Buffer.from(masked);
}
