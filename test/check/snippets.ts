import type { Check } from './run.ts';
import { find, read } from './workspace.ts';

type Reader = (path: string) => Promise<string>;

/** A fenced block of code in a page, and the marker that stands directly above it. */
interface Snippet {
  readonly line: number;
  readonly language: string;
  readonly code: string;
  readonly marker: string | undefined;
}

// A block in a list is indented, and its marker with it.
const FENCE =
  /^(?<indent>[ \t]*)(?:<!-- snippet: (?<marker>\S+) -->\n\n?\k<indent>)?```(?<language>\w+)[^\n]*\n(?<code>.*?)^\k<indent>```$/gms;
const CODE = new Set(['ts', 'typescript', 'js', 'javascript', 'mjs', 'sh', 'bash']);
// These may be a single command of no file; all other code has to come from one.
const MAY_BE_UNMARKED = new Set(['sh', 'bash']);
/** Where snippets live, so that CI runs every one of them. */
const RUNS_IN_CI = /^examples\/|\.test\.ts$|^test\/packaging\//;

/** What differs between the snippets of a page and the files they say they come from. */
export async function snippetProblems(
  page: string,
  text: string,
  readText: Reader = read,
): Promise<string[]> {
  const snippets = [...text.matchAll(FENCE)].map(({ index, groups = {} }): Snippet => {
    const { indent = '', marker, language = '', code = '' } = groups;
    const line = text.slice(0, index).split('\n').length;
    return { line, language, marker, code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), '') };
  });
  const code = snippets.filter(({ language }) => CODE.has(language));
  const problems = code.map(async ({ line, language, code, marker }) => {
    const place = `${page}:${line}`;
    if (marker === undefined) {
      return MAY_BE_UNMARKED.has(language)
        ? []
        : [`${place} ${language} snippet without <!-- snippet: file#region --> above`];
    }
    const [path = '', region] = marker.split('#');
    if (!RUNS_IN_CI.test(path)) return [`${place} ${path} does not run in CI: use an example or a test`];
    const source = await readText(path).catch(() => undefined);
    if (source === undefined) return [`${place} ${path} does not exist`];
    const expected = region === undefined ? source : regionOf(source, region);
    if (expected === undefined) return [`${place} ${path} has no "// #region ${region}"`];
    return same(expected, code) ? [] : [`${place} differs from ${marker}, which has:\n${expected.trim()}`];
  });
  return (await Promise.all(problems)).flat();
}

/** The lines between `// #region name` and the `// #endregion` that closes it, moved to the left edge. */
export function regionOf(source: string, name: string): string | undefined {
  const lines = source.split('\n');
  const start = lines.findIndex((line) => line.trim() === `// #region ${name}`) + 1;
  const inside: string[] = [];
  let depth = 1;
  for (const line of lines.slice(start)) {
    if (/^\s*\/\/ #region\b/.test(line)) depth++;
    else if (/^\s*\/\/ #endregion\b/.test(line)) depth--;
    else inside.push(line);
    if (depth === 0) break;
  }
  if (start === 0 || depth > 0) return undefined;
  const indent = Math.min(...inside.filter((line) => line.trim()).map((line) => line.search(/\S/)));
  return inside.map((line) => line.slice(indent)).join('\n');
}

function same(expected: string, actual: string): boolean {
  const tidy = (text: string): string => text.replace(/[ \t]+$/gm, '').trim();
  return tidy(expected) === tidy(actual);
}

/** The pages that people write. */
export const PAGES: readonly string[] = ['*.md', 'docs/*.md', 'examples/*.md', 'packages/**/*.md'];

/** The snippets of every page, one check for each. */
export function snippets(): Promise<Check[]> {
  return Promise.all(
    find(...PAGES).map(async (page) => ({
      name: `snippets of ${page}`,
      problems: await snippetProblems(page, await read(page)),
    })),
  );
}
