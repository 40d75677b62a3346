import type { Check } from './run.ts';
import { read } from './workspace.ts';

/** What a page has, in any language, in its order. */
const PARTS: Readonly<Record<string, (page: string) => string[]>> = {
  headings: (page) => [...withoutCode(page).matchAll(/^(#+) /gm)].map(([, level = '']) => level),
  code: (page) => [...page.matchAll(/^```[^]*?^```$/gm)].map(([block]) => block),
  'rows of tables': (page) =>
    [...withoutCode(page).matchAll(/^\|.*\|$/gm)].map((row) => `${row[0].split(/(?<!\\)\|/).length}`),
  'items of lists': (page) =>
    [...withoutCode(page).matchAll(/^[ \t]*(?:-|\d+\.) /gm)].map(([mark]) => mark.trim()),
  links: (page) =>
    [...withoutCode(page).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, to = '']) => to)
      .filter(isNoTranslation)
      .toSorted(),
  commands: (page) =>
    [...withoutCode(page).matchAll(/`((?:npm|npx|node) [^`]+)`/g)]
      .map(([, command = '']) => command)
      .toSorted(),
};

const isNoTranslation = (to: string): boolean => !/^README(\.[\w-]+)?\.md$/.test(to);
const withoutCode = (page: string): string => page.replaceAll(/^```[^]*?^```$/gm, '');

/** What one of two pages has and the other, which should say the same in another language, has not. */
export function translationProblems(original: string, translation: string): string[] {
  return Object.entries(PARTS).flatMap(([what, of]) => {
    const [here, there] = [of(original), of(translation)];
    const length = Math.max(here.length, there.length);
    const first = Array.from({ length }, (_, i) => i).find((i) => here[i] !== there[i]);
    if (first === undefined) return [];
    return `${what}: ${here.length} and ${there.length}; the first that differ: ${here[first] ?? 'none'} and ${there[first] ?? 'none'}`;
  });
}

/** The README in both its languages. */
export async function translations(): Promise<Check[]> {
  const [original, translation] = await Promise.all([read('README.md'), read('README.zh-CN.md')]);
  return [
    { name: 'README.zh-CN.md has what README.md has', problems: translationProblems(original, translation) },
  ];
}
