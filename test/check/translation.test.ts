import { expect, it } from 'vitest';
import { translationProblems } from './translation.ts';

const ENGLISH = `# Title

Text with a [link](docs/a.md), and \`npm start\`.

| a | b |
| - | - |
| c | d |

- one
- two

\`\`\`sh
npm test # not a heading
\`\`\`
`;
const CHINESE = ENGLISH.replace('Title', '标题')
  .replace('Text with a', '一个')
  .replace(/\blink\b/, '链接')
  .replace('c | d', '丙 | 丁')
  .replace('one', '一');

it('says nothing of pages that differ by their words alone', () => {
  expect(translationProblems(ENGLISH, CHINESE)).toEqual([]);
});

it.each([
  ['headings', '# 标题', '标题'],
  ['code', 'npm test', 'npm start'],
  ['rows of tables', '| 丙 | 丁 |\n', ''],
  ['rows of tables', '| 丙 | 丁 |', '| 丙 |'],
  ['items of lists', '- two\n', ''],
  ['links', 'docs/a.md', 'docs/b.md'],
  ['commands', '`npm start`', '`npm run`'],
])('tells of other %s', (what, from, to) => {
  expect(CHINESE).toContain(from);
  const problems = translationProblems(ENGLISH, CHINESE.replace(from, to));
  expect(problems).toEqual([expect.stringMatching(new RegExp(`^${what}: `))]);
});
