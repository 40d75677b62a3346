import { expect, it } from 'vitest';
import { linkProblems } from './links.ts';

const FILES: Readonly<Record<string, { readonly page?: string }>> = {
  'docs/a.md': {
    page: '# A page\n\n## Errors & such\n\n## `code`\n\n## 中文 标题\n\n## Twice\n\n## Twice\n',
  },
  'packages/core': { page: '## Errors\n' },
  'examples/01-a.ts': {},
};
const problems = (text: string): Promise<string[]> =>
  linkProblems('docs/b.md', text, (path) => Promise.resolve(FILES[path]));

it('finds what exists: files, folders and headings', async () => {
  const links = [
    [
      'a.md',
      '../packages/core#errors',
      '../packages/core#readme',
      '../examples/01-a.ts',
      'a.md#errors--such',
    ],
    ['a.md#code', 'a.md#中文-标题', 'a.md#twice-1', '#here', 'https://example.com/none'],
  ].flat();
  expect(await problems(`# Here\n\n${links.map((to) => `[x](${to})`).join(' ')}\n`)).toEqual([]);
});

it('tells what does not', async () => {
  const text = '# Here\n\n[x](gone.md)\n[x](a.md#gone) [x](#gone)\n<img alt="x" src="gone.svg">\n';
  expect(await problems(text)).toEqual([
    'docs/b.md:3 gone.md does not exist',
    'docs/b.md:4 a.md#gone: there is no such heading',
    'docs/b.md:4 #gone: there is no such heading',
    'docs/b.md:5 gone.svg does not exist',
  ]);
});

it('leaves code alone', async () => {
  expect(await problems('```ts\nconst a = [1](gone);\n```\n')).toEqual([]);
});
