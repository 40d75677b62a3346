import { join } from 'node:path';
import { expect, it } from 'vitest';
import { testChecks, type Report } from './unit.ts';
import { ROOT } from './workspace.ts';

const test = (status: string, title: string, ...ancestorTitles: string[]) => ({
  status,
  title,
  ancestorTitles,
});
const report: Report = {
  testResults: [
    {
      name: join(ROOT, 'a.test.ts'),
      status: 'failed',
      message: '',
      assertionResults: [
        test('passed', 'works'),
        test('failed', 'breaks', 'suite'),
        test('skipped', 'one', 'redis store', 'inner'),
        test('todo', 'two', 'redis store'),
      ],
    },
    { name: join(ROOT, 'b.test.ts'), status: 'failed', message: 'no such module', assertionResults: [] },
  ],
};

it('counts tests one by one, and a file that did not load', () => {
  expect(testChecks(report, false)).toEqual([
    { name: 'a.test.ts > works', problems: [] },
    { name: 'a.test.ts > suite > breaks', problems: ['see above'] },
    { name: 'a.test.ts > redis store', problems: [], skipped: true },
    { name: 'a.test.ts > redis store', problems: [], skipped: true },
    { name: 'b.test.ts', problems: ['no such module'] },
  ]);
});

it('fails a skipped suite on CI, once', () => {
  const more = testChecks(report, true).slice(testChecks(report, false).length);
  expect(more).toEqual([
    { name: 'a.test.ts > redis store', problems: [expect.stringContaining('skipped on CI')] },
  ]);
});
