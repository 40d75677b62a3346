import { fakeClock } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import type { BatchProgress } from '../index.ts';
import { ProgressLine } from './progress-line.ts';

const progress = (changes: Partial<BatchProgress>): BatchProgress => ({
  total: 1_000,
  skipped: 0,
  inFlight: 8,
  succeeded: 0,
  errored: 0,
  canceled: 0,
  inputTokens: 0,
  outputTokens: 0,
  ...changes,
});

test('somebody who is looking sees a bar with rate and time left, redrawn ten times a second at most', async () => {
  const clock = fakeClock();
  let text = '';
  const line = new ProgressLine(clock, (more) => void (text += more), true);
  await clock.advance(10_000);
  line.show(progress({ skipped: 150, succeeded: 98, errored: 2 }));
  expect(text).toBe(`\r${'█'.repeat(6)}${'░'.repeat(18)} 250 of 1000  2 failed  10.0/s  1:15 left\u001b[K`);
  line.show(progress({ skipped: 150, succeeded: 99, errored: 2 }));
  expect(text.match(/\r/g)).toHaveLength(1);
  await clock.advance(100);
  line.show(progress({ skipped: 150, succeeded: 99, errored: 2, inputTokens: 7, outputTokens: 9 }));
  expect(text.match(/\r/g)).toHaveLength(2);
  line.end();
  expect(
    text.endsWith('\r\u001b[K99 succeeded, 2 failed, 150 done before in 0:10; 7 tokens in, 9 out\n'),
  ).toBe(true);
});

test('a log gets a plain line every ten seconds', async () => {
  const clock = fakeClock();
  const told: string[] = [];
  const line = new ProgressLine(clock, (text) => told.push(text), false);
  for (let n = 1; n <= 25; n++) {
    await clock.advance(1_000);
    line.show(progress({ total: n < 20 ? 40_000 : undefined, succeeded: n }));
  }
  expect(told).toEqual(['10 of 40000, 1.00/s, 11:06:30 left\n', '20 done  1.00/s\n']);
});
