/** What repeats. */
const CORES = [
  'a',
  '[ab]',
  '\\w',
  '.',
  '(?:a|a)',
  '(?:a|ab)',
  '(?:aa|a)',
  '(?:a?)',
  '(?:\\w|_)',
  '[a-z]',
  '\\s',
  '(?:a|b|ab)',
  '(?:\\d|a)',
  '[^!]',
  '(?:a{1,3})',
  '\\S',
  '(?:(?:a))',
  '(?:a+|b)',
  '[\\s\\S]',
  '(?:ab?a?)',
];
/** How it is repeated so that a backtracking engine does not come back. The end matches none of the texts. */
const SHAPES: readonly ((core: string) => string)[] = [
  (core) => `(${core}+)+b!#`,
  (core) => `(${core}*)*b!#`,
  (core) => `(${core}+){2,9}b!#`,
  (core) => `${core}*${core}*${core}*b!#`,
  (core) => `(${core}|${core})+b!#`,
  (core) => `(${core}{1,9}){1,9}b!#`,
  (core) => `x?(${core}+${core}+)+b!#`,
  (core) => `(x+x+)+${core}b!#`,
  (core) => `(${core}+)*(${core}+)*b!#`,
  (core) => `(.*)*${core}b!#`,
  (core) => `${core}{1,200}b!#`,
  (core) => `a${core}{20}b!#`,
  (core) => `(a|${core}){30}#`,
  (core) => `${core}*a${core}{12}#`,
  (core) => `(${core}*,)*#`,
  (core) => `(${core}+\\s?)+#`,
  (core) => `[^#]*${core}[^#]*${core}#`,
  (core) => `((${core}*)+)+#`,
  (core) => `(${core}${core}?){1,20}#`,
  (core) => `key.{0,40}${core}{2,}#`,
  (core) => `${core}.*${core}.*${core}.*#`,
  (core) => `(${core}|a|ab|aba)*#`,
  (core) => `(a+${core}+a+)+#`,
  (core) => `(?:${core}{2,3}){2,30}#`,
  (core) => `\\s*${core}\\s*#`,
];
/** Characters of each text. */
export const LENGTH = 100_000;
const fill = (unit: string): string => unit.repeat(Math.ceil(LENGTH / unit.length)).slice(0, LENGTH);
/** What a backtracking engine would not come back from. */
export const TEXTS: readonly string[] = [
  'a',
  'ab',
  `${'a'.repeat(200)}!`,
  ' a',
  'x',
  'key a',
  'aba ',
  ' ',
  'b',
].map(fill);

/** 500 patterns that are known to blow up backtracking engines, in the forms in which they do. */
export const EVIL_PATTERNS: readonly string[] = CORES.flatMap((core) => SHAPES.map((shape) => shape(core)));
