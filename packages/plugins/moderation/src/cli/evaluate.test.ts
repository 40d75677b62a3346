import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPipeline } from '@sluice/core';
import { fakeUpstream } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { moderation } from '../moderation.ts';
import { evaluate, type Prompt } from './evaluate.ts';
import { rateOf } from './interval.ts';
import { main } from './main.ts';

const PROMPTS: readonly Prompt[] = Array.from({ length: 40 }, (_, i) => ({
  text: i % 4 === 0 ? `how to boil ${i}` : `grumblewort ${i}`,
  refuse: i % 2 === 1,
  category: i % 3 === 0 ? 'plants' : 'other',
}));

test('counts refusals of both kinds, the same for the same seed', async () => {
  await using upstream = await fakeUpstream();
  await using pipeline = createPipeline({
    upstream: upstream.url,
    plugins: [moderation({ words: [{ text: 'grumblewort' }] })],
  });
  const first = await evaluate({ pipeline, prompts: PROMPTS, seed: 7, sample: 15 });
  expect(first).toEqual(await evaluate({ pipeline, prompts: PROMPTS, seed: 7, sample: 15 }));
  expect(first.shouldRefuse).toMatchObject({ count: 15, of: 15, rate: 1 });
  expect(first.shouldRefuse.low).toBeLessThan(0.9);
  expect(first.shouldAnswer.count).toBeGreaterThan(3);
  expect(first.passed).toBe(false);
  const all = await evaluate({ pipeline, prompts: PROMPTS });
  expect(all.shouldAnswer).toMatchObject({ count: 10, of: 20 });
  expect(Object.keys(all.byCategory)).toEqual(['other', 'plants']);
});

test('Wilson’s interval has the bounds of the literature', () => {
  const { low, high } = rateOf(9, 10);
  expect([low.toFixed(4), high.toFixed(4)]).toEqual(['0.5958', '0.9821']);
  expect(rateOf(0, 10).low).toBe(0);
  expect(rateOf(0, 0)).toMatchObject({ low: 0, high: 1 });
});

test('the command line prints a report, and its exit code says whether the marks were reached', async () => {
  await using upstream = await fakeUpstream();
  const folder = await mkdtemp(join(tmpdir(), 'sluice-evaluate-'));
  try {
    const core = new URL('../../../../core/src/index.ts', import.meta.url).href;
    const plugin = new URL('../moderation.ts', import.meta.url).href;
    const pipeline = join(folder, 'pipeline.mjs');
    await writeFile(
      pipeline,
      `import { createPipeline } from ${JSON.stringify(core)};
       import { moderation } from ${JSON.stringify(plugin)};
       export default () => createPipeline({
         upstream: ${JSON.stringify(upstream.url)}, plugins: [moderation({ words: [{ text: 'grumblewort' }] })],
       });`,
    );
    const prompts = join(folder, 'prompts.jsonl');
    const good = PROMPTS.map((prompt) => ({ ...prompt, refuse: prompt.text.startsWith('grumble') }));
    await writeFile(prompts, good.map((prompt) => JSON.stringify(prompt)).join('\n'));
    let printed = '';
    const print = (text: string): void => void (printed += text);
    expect(await main(['evaluate', '--pipeline', pipeline, '--prompts', prompts], print)).toBe(0);
    expect(printed).toContain('refused, and should be        100.0 %  (30 of 30; 95 %: 88.6 % to 100.0 %)');
    expect(await main([], print)).toBe(2);
  } finally {
    await rm(folder, { recursive: true });
  }
});
