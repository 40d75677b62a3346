import type { OptionSchema, TextPart } from '@sluice/core';
import * as v from 'valibot';
import type { ConversationOptions } from './conversation/conversation.ts';
import type { DetectorName } from './detect/detectors.ts';
import type { Moderator } from './moderators/moderator.ts';
import { moderatorSchema } from './moderators/moderator-schema.ts';
import { patternProblem } from './patterns/compile-pattern.ts';
import type { PatternRule } from './patterns/pattern-finder.ts';
import type { ActionRule, Finding } from './policy.ts';
import type { WordSource } from './sources/source.ts';
import type { StrikeOptions } from './strikes/strikes.ts';
import type { WordEntry } from './words/entry.ts';

/** How a blocked call is answered. */
export interface RefusalOptions {
  /**
   * `error`: an error in the caller's dialect, status 400. `message`: an answer that says no, status 200.
   *
   * @default 'error'
   */
  readonly as?: 'error' | 'message';
  /**
   * The language of the sentence; `auto` takes Chinese for a request with Han characters in its last message.
   *
   * @default 'auto'
   */
  readonly language?: 'auto' | 'en' | 'zh';
  /** The sentence in English. It must not repeat what was found. */
  readonly en?: string;
  /** The sentence in Chinese. */
  readonly zh?: string;
}

/** What became of a list that was read. */
export interface ListReport {
  /** The version it names. */
  readonly version?: string;
  /** Entries by category. */
  readonly counts?: Readonly<Record<string, number>>;
  /** What is wrong with it: entries left out, its age, or that it could not be read. Holds none of its words. */
  readonly problems: readonly string[];
}

/** Options of `moderation`. */
export interface ModerationOptions {
  /** Words to find: entries, or a source that is read when the pipeline starts and again when it changes. */
  readonly words?: readonly WordEntry[] | WordSource;
  /** Regular expressions to find. One that could take more than linear time, or memory, is refused. */
  readonly patterns?: readonly PatternRule[];
  /**
   * Personal data and secrets to find.
   *
   * @default []
   */
  readonly detectors?: readonly DetectorName[];
  /**
   * What is done about finds; the first rule that fits decides.
   *
   * @default personal data is redacted, everything else blocked
   */
  readonly rules?: readonly ActionRule[];
  /**
   * Whether personal data that is redacted on its way in is put back into the answer.
   *
   * @default true
   */
  readonly restore?: boolean;
  /**
   * Which messages of a request can block it: all, those after the last answer, or that many of the last ones. What
   * is found elsewhere is flagged. System prompts and tools always count.
   *
   * @default 'all'
   */
  readonly scope?: 'all' | 'last' | { readonly lastMessages: number };
  /**
   * Channels that are not read.
   *
   * @default ['tool-definition']
   */
  readonly except?: readonly TextPart['channel'][];
  /** Asynchronous classifiers. */
  readonly moderators?: readonly Moderator[];
  /**
   * How answers are given to the moderators that judge output: `full` holds a stream back until its end, a window of
   * characters that many characters.
   *
   * @default { windowChars: 512 }
   */
  readonly review?: 'full' | { readonly windowChars: number };
  /** How a blocked call is answered. */
  readonly refusal?: RefusalOptions;
  /** Rules about several messages at once. Default: none. */
  readonly conversation?: ConversationOptions;
  /** When callers are suspended. Default: never. */
  readonly strikes?: StrikeOptions;
  /**
   * Largest whole answer that is read, in bytes; a larger one is refused.
   *
   * @default 16 MiB
   */
  readonly maxAnswerBytes?: number;
  /**
   * From which age on a list is reported as old, in milliseconds.
   *
   * @default a week
   */
  readonly maxListAgeMs?: number;
  /** Told of every list that was read from a source, or could not be. What it throws is ignored. */
  readonly onList?: (report: ListReport) => void;
  /** Told of every find, `shadow` included. What it throws is ignored. It never sees the text. */
  readonly onFinding?: (finding: Finding, callId: string) => void;
}

const callback = v.custom<(...args: never) => unknown>(
  (value) => typeof value === 'function',
  'must be a function',
);
const whole = v.pipe(
  v.number('must be a whole number'),
  v.integer('must be a whole number'),
  v.minValue(1, 'must be at least 1'),
);

const CHANNELS = [
  'system',
  'message',
  'tool-result',
  'tool-definition',
  'text',
  'thinking',
  'tool-arguments',
  'refusal',
] as const;
const channel = v.picklist(CHANNELS, `must be one of ${CHANNELS.join(', ')}`);
const severity = v.picklist(['low', 'medium', 'high'], 'must be low, medium or high');

const rule = v.strictObject({
  category: v.exactOptional(v.union([v.string(), v.array(v.string())], 'must be a name or a list of names')),
  severity: v.exactOptional(severity),
  direction: v.exactOptional(v.picklist(['input', 'output'], 'must be input or output')),
  channel: v.exactOptional(v.union([channel, v.array(channel)], 'must be a channel or a list of channels')),
  action: v.picklist(
    ['block', 'redact', 'flag', 'shadow', 'pass'],
    'must be block, redact, flag, shadow or pass',
  ),
});

const refusal = v.strictObject({
  as: v.exactOptional(v.picklist(['error', 'message'], 'must be error or message')),
  language: v.exactOptional(v.picklist(['auto', 'en', 'zh'], 'must be auto, en or zh')),
  en: v.exactOptional(v.string('must be a sentence')),
  zh: v.exactOptional(v.string('must be a sentence')),
});

const HOLDERS = ['caller', 'tenant', 'conversation'] as const;
const names = v.pipe(
  v.array(v.string('must be a name'), 'must be a list of names'),
  v.minLength(1, 'must name at least one'),
);

const conversation = v.strictObject({
  acrossMessages: v.exactOptional(v.pipe(whole, v.maxValue(20, 'must be at most 20'))),
  topics: v.exactOptional(
    v.array(
      v.pipe(
        v.strictObject({
          name: v.string('must be a name'),
          categories: names,
          messages: v.exactOptional(whole),
          every: v.exactOptional(v.boolean('must be true or false')),
          lastMessages: v.exactOptional(whole),
          category: v.exactOptional(v.string('must be a name')),
          severity: v.exactOptional(severity),
        }),
        v.check(
          ({ messages = 3, lastMessages = 10 }) => messages <= lastMessages,
          'asks for more messages than lastMessages, and could never be found; raise lastMessages',
        ),
      ),
      'must be a list of topics',
    ),
  ),
});

const strikes = v.strictObject({
  per: v.exactOptional(
    v.pipe(
      v.array(v.picklist(HOLDERS, `must be one of ${HOLDERS.join(', ')}`), 'must be a list'),
      v.minLength(1, 'must name at least one of caller, tenant, conversation'),
    ),
  ),
  onStoreError: v.exactOptional(v.picklist(['open', 'closed'], 'must be open or closed')),
  storeTimeoutMs: v.exactOptional(whole),
  inARow: v.exactOptional(whole),
  perDay: v.exactOptional(whole),
  suspendMs: v.exactOptional(whole),
});

const pattern = v.strictObject({
  name: v.string('must be a name'),
  pattern: v.pipe(
    v.string('must be a regular expression as a string'),
    v.rawCheck(({ dataset, addIssue }) => {
      const problem = dataset.typed ? patternProblem(dataset.value) : undefined;
      if (problem !== undefined) addIssue({ message: problem });
    }),
  ),
  ignoreCase: v.exactOptional(v.boolean('must be true or false')),
  category: v.exactOptional(v.string('must be a name')),
  severity: v.exactOptional(severity),
  label: v.exactOptional(v.string('must be a text')),
  check: v.exactOptional(callback),
});

const entry = v.strictObject({
  text: v.string('must be a word'),
  category: v.exactOptional(v.string('must be a name')),
  severity: v.exactOptional(severity),
  allow: v.exactOptional(v.boolean('must be true or false')),
  whole: v.exactOptional(v.boolean('must be true or false')),
  pinyin: v.exactOptional(v.boolean('must be true or false')),
});
const source = v.custom<WordSource>(
  (value) => typeof value === 'object' && value !== null && typeof (value as WordSource).load === 'function',
  'must be a list of entries, { text: … }, or a source such as fileWords(…)',
);

const FINDERS = ['words', 'patterns', 'detectors', 'moderators'] as const;

const fields = v.strictObject({
  words: v.exactOptional(
    v.union(
      [v.array(entry), source],
      'must be a list of entries, { text: … }, or a source such as fileWords(…)',
    ),
  ),
  detectors: v.exactOptional(
    v.array(
      v.picklist(
        ['email', 'cn-mobile', 'cn-id', 'bank-card', 'ip', 'secret'],
        'must be email, cn-mobile, cn-id, bank-card, ip or secret',
      ),
      'must be a list of detectors',
    ),
  ),
  rules: v.exactOptional(v.array(rule, 'must be a list of rules')),
  restore: v.exactOptional(v.boolean('must be true or false')),
  scope: v.exactOptional(
    v.union(
      [v.picklist(['all', 'last']), v.strictObject({ lastMessages: whole })],
      "must be 'all', 'last' or { lastMessages: 10 }",
    ),
  ),
  except: v.exactOptional(v.array(channel, 'must be a list of channels')),
  moderators: v.exactOptional(v.array(moderatorSchema, 'must be a list of moderators')),
  review: v.exactOptional(
    v.union(
      [v.literal('full'), v.strictObject({ windowChars: whole })],
      "must be 'full' or { windowChars: 512 }",
    ),
  ),
  refusal: v.exactOptional(refusal),
  conversation: v.exactOptional(conversation),
  strikes: v.exactOptional(strikes),
  maxAnswerBytes: v.exactOptional(whole),
  maxListAgeMs: v.exactOptional(whole),
  onList: v.exactOptional(callback),
  patterns: v.exactOptional(v.array(pattern, 'must be a list of patterns')),
  onFinding: v.exactOptional(callback),
});

/** Checks the options. */
export const options: OptionSchema<ModerationOptions> = v.pipe(
  fields,
  v.check(
    (given) => FINDERS.some((name) => given[name] !== undefined),
    `there is nothing to look for; give it ${FINDERS.join(', ')}, or several of them`,
  ),
) as unknown as OptionSchema<ModerationOptions>;
