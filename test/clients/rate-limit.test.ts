import Anthropic from '@anthropic-ai/sdk';
import { type LimitRule, rateLimit } from '@sluice/rate-limit';
import { retry } from '@sluice/retry';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { MOUNTS, type Mounted } from '../support/mounts.ts';
import { type Stage, stageFor } from '../support/stage.ts';
import { thrownBy } from '../support/thrown-by.ts';
import { clientOf as anthropicClient, QUESTION as ANTHROPIC_QUESTION } from './anthropic-client.ts';
import { clientOf as openaiClient, QUESTION as OPENAI_QUESTION } from './openai-client.ts';

/** One call with an official SDK that may try twice again. */
const SDKS: readonly {
  readonly name: string;
  readonly ask: (stage: Mounted) => Promise<unknown>;
  readonly LimitError: abstract new (...args: never) => Error;
}[] = [
  {
    name: 'Anthropic',
    ask: (stage) => anthropicClient(stage, 2).messages.create(ANTHROPIC_QUESTION),
    LimitError: Anthropic.RateLimitError,
  },
  {
    name: 'OpenAI',
    ask: (stage) => openaiClient(stage, 2).chat.completions.create(OPENAI_QUESTION),
    LimitError: OpenAI.RateLimitError,
  },
];

// A wait is a second of real time: as a fetch, and behind one adapter.
const CASES = [MOUNTS.find((one) => !one.isAdapter), MOUNTS.find((one) => one.isAdapter)]
  .filter((mount) => mount !== undefined)
  .flatMap((mount) => SDKS.map((sdk) => ({ ...sdk, mount, of: mount.name })));

describe.each(CASES)('the $name SDK that meets a limit through $of', ({ mount, ask, LimitError }) => {
  const staged = (rule: LimitRule): Promise<Stage> =>
    stageFor(mount, { pipeline: { plugins: [rateLimit({ rules: [rule] }), retry()] } });

  it('waits for as long as it is told, and then succeeds', async () => {
    await using stage = await staged({ name: 'rps', of: 'requests', limit: 1, windowMs: 1_000 });
    await ask(stage);
    await ask(stage);
    expect(stage.upstream.requests).toHaveLength(2);
    // It was refused once, told to wait a second, and did.
    expect(stage.outcomes.map(({ kind }) => kind)).toEqual(['completed', 'refused', 'completed']);
  });

  it.each<[string, LimitRule]>([
    ['a quota', { name: 'quota', of: 'requests', limit: 1, calendar: 'month' }],
    ['a long wait', { name: 'hourly', of: 'requests', limit: 1, windowMs: 3_600_000 }],
    ['a size that never fits', { name: 'tokens', of: 'input-tokens', limit: 1, windowMs: 60_000 }],
  ])('stops at once at %s', async (_, rule) => {
    await using stage = await staged(rule);
    if (rule.of === 'requests') await ask(stage);
    const before = stage.outcomes.length;
    const error = await thrownBy(ask(stage));
    if (rule.of === 'requests') expect(error).toBeInstanceOf(LimitError);
    else expect(error).toMatchObject({ status: 400 });
    expect(stage.outcomes.slice(before).map(({ kind }) => kind)).toEqual(['refused']);
    expect(stage.upstream.requests).toHaveLength(before);
  });
});
