import type { Usage } from './format.ts';
import { get } from './spot.ts';

/** Counters as one event or answer told them; undefined: not told. */
type Told = { readonly [Name in keyof Usage]?: number | undefined };

const NAMES = [
  'inputTokens',
  'outputTokens',
  'cacheReadTokens',
  'cacheWriteTokens',
  'reasoningTokens',
] as const satisfies readonly (keyof Usage)[];

/** A counter of a usage object; undefined when it is absent, null or no count. */
function counter(usage: unknown, name: string): number | undefined {
  const value = get(usage, name);
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** What was told, over what was known before; the same object when nothing was told. */
function mergeUsage(before: Usage | undefined, told: Told): Usage | undefined {
  let merged: { -readonly [Name in keyof Usage]: Usage[Name] } | undefined;
  for (const name of NAMES) {
    const value = told[name];
    if (value === undefined) continue;
    merged ??= { ...before };
    merged[name] = value;
  }
  return merged ?? before;
}

/** Where the two dialects of OpenAI keep their counters. Input includes what was cached, output what was reasoning. */
export function openaiUsage(
  usage: unknown,
  input: string,
  output: string,
  before?: Usage,
): Usage | undefined {
  const inputDetails = get(usage, `${input}_details`);
  return mergeUsage(before, {
    inputTokens: counter(usage, input),
    outputTokens: counter(usage, output),
    cacheReadTokens: counter(inputDetails, 'cached_tokens'),
    cacheWriteTokens: counter(inputDetails, 'cache_write_tokens'),
    reasoningTokens: counter(get(usage, `${output}_details`), 'reasoning_tokens'),
  });
}

/**
 * Anthropic's `input_tokens` leaves out what was read from or written to the cache. Fields that are absent or null keep
 * their value, so the plain part is worked out from what was known before.
 */
export function anthropicUsage(usage: unknown, before?: Usage): Usage | undefined {
  const told = {
    plain: counter(usage, 'input_tokens'),
    read: counter(usage, 'cache_read_input_tokens'),
    write: counter(usage, 'cache_creation_input_tokens'),
  };
  const read = told.read ?? before?.cacheReadTokens;
  const write = told.write ?? before?.cacheWriteTokens;
  const plain = told.plain ?? plainInput(before);
  const changed = told.plain !== undefined || told.read !== undefined || told.write !== undefined;
  return mergeUsage(before, {
    inputTokens: changed && plain !== undefined ? plain + (read ?? 0) + (write ?? 0) : undefined,
    outputTokens: counter(usage, 'output_tokens'),
    cacheReadTokens: told.read,
    cacheWriteTokens: told.write,
    reasoningTokens: counter(get(usage, 'output_tokens_details'), 'thinking_tokens'),
  });
}

function plainInput(usage: Usage | undefined): number | undefined {
  if (usage?.inputTokens === undefined) return undefined;
  return usage.inputTokens - (usage.cacheReadTokens ?? 0) - (usage.cacheWriteTokens ?? 0);
}
