import type { SseEvent } from '@sluice/core';
import { type FieldTree, fieldTree } from './canonical.ts';
import { anthropicRules } from './rules-anthropic.ts';
import { chatRules, responsesRules } from './rules-openai.ts';

/**
 * Why an answer is no function of its request alone: `server-tools` run at the provider, `files` and `urls` may hold
 * something else tomorrow, `state` (containers, threads, stored responses) is read or left behind at the provider.
 */
export type Impurity = 'server-tools' | 'files' | 'urls' | 'state';

/** What an answer is that is not stored as a matter of course. */
export type AnswerKind = 'refusal' | 'tool-call' | 'unfinished';

/** What the cache has to know of a wire dialect. */
export interface CacheRules {
  /**
   * Body fields that do not decide the answer: identity, price, transport. Paths such as `metadata` or
   * `system.*.cache_control`. Everything else does, whatever it is called.
   */
  readonly ignored: readonly string[];
  /** Request headers that do. A list is compared as a set. */
  readonly headers: readonly string[];
  /** Changes a parsed body for the key alone, before fields are left out. Default: none. */
  readonly normalise?: (body: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;
  /** All reasons why the answer depends on more than the request; none when it does not. */
  readonly impurities: (body: Readonly<Record<string, unknown>>) => readonly Impurity[];
  /** What a whole answer is, if anything special. */
  readonly answer: (body: unknown) => AnswerKind | undefined;
  /** What an event says about it. Called for every event: it must be cheap. */
  readonly event: (event: SseEvent) => AnswerKind | undefined;
}

/** Rules with their paths read. */
export interface ReadRules extends CacheRules {
  readonly tree: FieldTree;
}

/** The rules of each format by its name: those built in, and the application's own for formats of its own. */
export function readRules(own: Readonly<Record<string, CacheRules>>): ReadonlyMap<string, ReadRules> {
  const all: Record<string, CacheRules> = {
    'anthropic-messages': anthropicRules,
    'openai-chat': chatRules,
    'openai-responses': responsesRules,
    ...own,
  };
  return new Map(
    Object.entries(all).map(([name, rules]) => [
      name,
      // What is streamed has a place of its own in the key.
      { ...rules, tree: fieldTree(['stream', ...rules.ignored]) },
    ]),
  );
}
