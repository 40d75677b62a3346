import { createHash } from 'node:crypto';
import { estimateTokens, splitTokens } from '../../split-tokens.ts';
import type { BehaviourOf } from '../behaviours/behaviour.ts';
import { field, list, text, textWithin } from './read-json.ts';

/** What the fake model says, before it is put into a dialect. */
export interface ModelAnswer {
  readonly text: string;
  readonly thinking: string | undefined;
  readonly toolCalls: readonly { readonly name: string; readonly input: unknown }[];
  readonly model: string;
  /** True when the request's limit of tokens cut the text. */
  readonly cut: boolean;
  readonly inputTokens: number;
  /** 22 letters and digits that depend on nothing but the request. */
  readonly id: string;
}

/** What the fake model answers when the user has said `said`: an echo, in Chinese when that holds Han characters. */
function echo(said: string): string {
  if (said === '') return 'Hello!';
  const short = said.length > ECHO_CHARS ? `${said.slice(0, ECHO_CHARS).toWellFormed()}…` : said;
  return /\p{Script=Han}/u.test(said) ? `你说的是：${short}` : `You said: ${short}`;
}

const ECHO_CHARS = 2000;
const MOST_TOKENS = 1_000_000;

/** The answer to a request's body, the same in all dialects. `given` overrides what would be said. */
export function answerTo(body: unknown, given?: BehaviourOf<'answer'>): ModelAnswer {
  const messages = field(body, 'messages') ?? field(body, 'input');
  const said = lastOfUser(messages);
  const forced = given?.toolName ?? forcedTool(body);
  const whole = wordsOf(given) ?? (forced === undefined ? echo(said) : '');
  const tokens = splitTokens(whole);
  const limit = Number(
    field(body, 'max_tokens') ??
      field(body, 'max_completion_tokens') ??
      field(body, 'max_output_tokens') ??
      Infinity,
  );
  const cut = tokens.length > limit;
  const thinks = ['enabled', 'adaptive'].includes(String(field(field(body, 'thinking'), 'type')));
  return {
    text: cut ? tokens.slice(0, limit).join('') : whole,
    thinking: given?.thinking ?? (thinks ? `The user wants an answer to: ${said.slice(0, 80)}` : undefined),
    toolCalls:
      forced === undefined ? [] : [{ name: forced, input: given?.toolInput ?? { echo: echo(said) } }],
    model: given?.model ?? text(field(body, 'model')) ?? 'claude-opus-5-5',
    cut,
    inputTokens: inputTokens(body),
    id: createHash('sha256')
      .update(JSON.stringify([said, field(body, 'model')]))
      .digest('hex')
      .slice(0, 22),
  };
}

/** About how many tokens a request's system prompt, messages and tools have; also what `count_tokens` tells. */
export function inputTokens(body: unknown): number {
  const messages = field(body, 'messages') ?? field(body, 'input');
  const read = ['system', 'instructions'].map((name) => textWithin(field(body, name)));
  const each = list(messages).map((message) => textWithin(message));
  const spoken = estimateTokens([...read, textWithin(messages), ''].join('')) + 4 * each.length;
  return 4 + spoken + 40 * list(field(body, 'tools')).length;
}

function wordsOf(given: BehaviourOf<'answer'> | undefined): string | undefined {
  if (given?.text !== undefined) return given.text;
  // The words are of 7 letters and a space: one token each.
  return given?.tokens === undefined
    ? undefined
    : 'pelican '.repeat(Math.min(given.tokens, MOST_TOKENS)).trimEnd();
}

function lastOfUser(messages: unknown): string {
  if (typeof messages === 'string') return messages;
  return textWithin(list(messages).findLast((message) => field(message, 'role') === 'user'));
}

/** The tool that the request says must be called, until the conversation holds a tool's result. */
function forcedTool(body: unknown): string | undefined {
  const choice = field(body, 'tool_choice');
  const named = toolName(choice);
  const names = list(field(body, 'tools')).map(toolName);
  const required = choice === 'required' || field(choice, 'type') === 'any';
  return named ?? (required ? names[0] : undefined);
}

function toolName(tool: unknown): string | undefined {
  return text(field(tool, 'name') ?? field(field(tool, 'function'), 'name'));
}
