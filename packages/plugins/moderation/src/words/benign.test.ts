import { expect, test } from 'vitest';
import { compileWords } from './compile.ts';
import { WordFinder } from './word-finder.ts';

/** Everyday vocabulary; sentences are put together from it, so that no corpus with a licence is needed. */
const ENGLISH =
  `the a of to and in is was for on that with as it by at from they this have or an were which are be has had not but
  weather garden kitchen number people water children mountain river question answer computer music window teacher
  system program language writing reading morning evening market street village country friend family school letter
  paper story history science nature animal flower summer winter between through without another because before
  open close begin follow travel measure remember consider develop include provide support produce explain improve
  class pass assist grass opening pension happens bus passing compass glasses analysis basement assembly 10 2024 455 3.5 100%`.split(
    /\s+/,
  );
const CHINESE =
  '天气 花园 厨房 数字 人们 河水 孩子 高山 问题 答案 电脑 音乐 窗户 老师 系统 程序 语言 写作 阅读 早晨 晚上 市场 街道 村庄 国家 朋友 家庭 学校 信件 纸张 故事 历史 科学 自然 动物 花朵 夏天 冬天 之间 通过 没有 另外 因为 以前 打开 关闭 开始 跟随 旅行 测量 记得 考虑 发展 包括 提供 支持 生产 解释 改善 的 了 在 是 我 有 和 就 不 也 很 到 说 要 去 你 会 着 看 好'.split(
    ' ',
  );

/** Words of a list: Latin ones of four letters, and Han ones of two and three, none of them in the vocabulary. */
function listed(random: () => number): string[] {
  const vocabulary = new Set([...ENGLISH, ...CHINESE]);
  const words = new Set<string>();
  const letter = (): string => 'etaoinshrdlucmfwygpb'.charAt(Math.floor(random() * 20));
  const han = (): string => String.fromCharCode(0x4e00 + Math.floor(random() * 3_500));
  while (words.size < 10_000) {
    const length = words.size % 2 === 0 ? 4 + Math.floor(random() * 6) : 2 + Math.floor(random() * 3);
    const word = Array.from({ length }, words.size % 2 === 0 ? letter : han).join('');
    if (!vocabulary.has(word)) words.add(word);
  }
  return [...words];
}

test('of 10,000 words, none is found in a megabyte of everyday text more than once in a thousand words', () => {
  let seed = 7;
  const random = (): number => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  const finder = new WordFinder(compileWords(listed(random).map((text) => ({ text }))));
  let wordsRead = 0;
  let finds = 0;
  for (let sentence = 0; sentence < 20_000; sentence++) {
    const vocabulary = sentence % 2 === 0 ? ENGLISH : CHINESE;
    const picked = Array.from({ length: 12 }, () => vocabulary[Math.floor(random() * vocabulary.length)]);
    const text = sentence % 2 === 0 ? `${picked.join(' ')}. ` : `${picked.join('')}。`;
    wordsRead += picked.length;
    finds += finder.find(text, { final: true, json: false }).finds.length;
  }
  expect(finds / wordsRead).toBeLessThanOrEqual(0.001);
});
