// Random words and texts of random letters, the same in each run: for what measures the word list of @sluice/moderation.
let seed = 1;
const random = (): number => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) / 2 ** 32;
const han = (): string => String.fromCharCode(0x4e00 + Math.floor(random() * 3_000));
const latin = (): string => String.fromCharCode(97 + Math.floor(random() * 26));
const many = (length: number, one: () => string): string => Array.from({ length }, one).join('');

/** As in the measurements that the design quotes: 70 % Chinese of 2 to 5 characters, 30 % Latin of 4 to 11. */
const word = (): string =>
  random() < 0.7 ? many(2 + Math.floor(random() * 4), han) : many(4 + Math.floor(random() * 8), latin);
const chinese = (): string => many(20, han) + '，';
const english = (): string => many(1 + Math.floor(random() * 9), latin) + ' ';
/** Texts of random letters, a piece at a time. */
export const TEXTS: Readonly<Record<string, () => string>> = {
  chinese,
  english,
  mixed: () => chinese() + english() + english(),
};

/** As many pieces as make a text of that length. */
export function textOf(make: () => string, length: number): string {
  let all = '';
  while (all.length < length) all += make();
  return all;
}

/** That many different words. */
export function randomWords(size: number): string[] {
  const words = new Set<string>();
  while (words.size < size) words.add(word());
  return [...words];
}
