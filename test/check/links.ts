import { dirname, join } from 'node:path/posix';
import { existsSync, statSync } from 'node:fs';
import type { Check } from './run.ts';
import { PAGES } from './snippets.ts';
import { find, read, ROOT } from './workspace.ts';

/** What is known of a file or folder that a link leads to; undefined: it does not exist. */
type Target = (path: string) => Promise<{ readonly page?: string } | undefined>;

/** The links of a page that lead nowhere: to no file, or to no heading of it. What is on the web is not looked at. */
export async function linkProblems(page: string, text: string, target: Target = onDisk): Promise<string[]> {
  const prose = text.replaceAll(/^([ \t]*)```[^]*?^\1```$/gm, (code) =>
    '\n'.repeat(code.split('\n').length - 1),
  );
  const links = [...prose.matchAll(/\]\((?<to>[^)\s]+)\)|<img[^>]* src="(?<image>[^"]+)"/g)];
  const problems = links.map(async ({ index, groups = {} }) => {
    const to = groups['to'] ?? groups['image'] ?? '';
    if (/^[a-z]+:/.test(to)) return [];
    const [path = '', anchor] = to.split('#');
    const place = `${page}:${prose.slice(0, index).split('\n').length}`;
    const found = path === '' ? { page: text } : await target(join(dirname(page), path));
    if (found === undefined) return [`${place} ${to} does not exist`];
    if (anchor === undefined || anchor === 'readme') return [];
    return anchors(found.page ?? '').has(anchor) ? [] : [`${place} ${to}: there is no such heading`];
  });
  return (await Promise.all(problems)).flat();
}

/** The headings of a page as one links to them. */
function anchors(page: string): Set<string> {
  const found = new Set<string>();
  for (const [, heading = ''] of page.matchAll(/^#{1,6} (.+)$/gm)) {
    const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = words.replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');
    let unique = slug;
    for (let n = 1; found.has(unique); n++) unique = `${slug}-${n}`;
    found.add(unique);
  }
  return found;
}

/** A folder shows its README. */
async function onDisk(path: string): ReturnType<Target> {
  if (!existsSync(ROOT + path)) return undefined;
  const file = statSync(ROOT + path).isDirectory() ? join(path, 'README.md') : path;
  return file.endsWith('.md') && existsSync(ROOT + file) ? { page: await read(file) } : {};
}

/** The links of every page, one check for each. */
export function links(): Promise<Check[]> {
  return Promise.all(
    find(...PAGES, 'docs/api/*.md').map(async (page) => ({
      name: `links of ${page}`,
      problems: await linkProblems(page, await read(page)),
    })),
  );
}
