import { expect, test } from 'vitest';
import type { Sample } from './messages.ts';
import { type Findings, problemsOf } from './verdict.ts';

const MB = 2 ** 20;
const at = (heapBytes: number, more: Partial<Sample> = {}): Sample => ({
  heapBytes,
  resources: { PipeWrap: 1 },
  files: 20,
  ...more,
});
const heaps = (heapOf: (n: number) => number): Sample[] =>
  Array.from({ length: 40 }, (_, n) => at(heapOf(n)));
const fine: Findings = {
  before: at(10 * MB),
  // Grows while it warms up, and swings from then on.
  samples: heaps((n) => (Math.min(n, 8) * 2 + 20 + (n % 3)) * MB),
  after: at(15 * MB),
  calls: 7,
  outcomes: { completed: 5, refused: 2 },
  recorded: { completed: 5, refused: 2 },
  log: { state: 'intact', problems: [] },
  uncaught: [],
};

test('a process that gives everything back has no problems', () => {
  expect(problemsOf(fine)).toEqual([]);
});

test.each<[string, Partial<Findings>, string]>([
  ['a heap that grows', { samples: heaps((n) => (20 + n / 2) * MB) }, 'the heap grows'],
  ['too few samples', { samples: heaps(() => MB).slice(0, 9) }, 'too few to tell'],
  [
    'a socket',
    { after: at(MB, { resources: { PipeWrap: 1, TCPSocketWrap: 2 } }) },
    'TCPSocketWrap: 0 before, 2',
  ],
  ['a file', { after: at(MB, { files: 21 }) }, 'file handles: 20 before, 21 after'],
  ['a call without an outcome', { calls: 8 }, '8 calls were made, and 7 have an outcome'],
  [
    'a call that is not in the log',
    { recorded: { completed: 4, refused: 2 } },
    '5 calls ended as completed, and 4',
  ],
  [
    'a call that is in the log alone',
    { recorded: { ...fine.recorded, timeout: 1 } },
    '0 calls ended as timeout',
  ],
  ['a broken log', { log: { state: 'broken', problems: ['x'] } }, 'the audit log is broken: ["x"]'],
  [
    'an error that nobody has caught',
    { uncaught: ['Error: boom'] },
    '1 errors were caught by nobody: Error: boom',
  ],
])('%s is a problem', (_, found, problem) => {
  const problems = problemsOf({ ...fine, ...found });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(problem);
});
