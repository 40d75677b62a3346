import { sseEvent } from './sse.ts';
import { estimateTokens, piecesOf, splitTokens, wholeOf, type TextPieces } from './split-tokens.ts';

/** A tool call of an answer in an OpenAI format. */
export interface OpenaiToolCall {
  /** Default: one that says it is a fake. */
  readonly id?: string;
  /** The function's name. */
  readonly name: string;
  /** The arguments: text as it is, anything else as JSON. Default: `{}`. */
  readonly arguments?: unknown;
}

/** One of the `n` choices of a chat completion. */
export interface OpenaiChoice {
  /** Default: `Hello!`, unless there are tool calls. */
  readonly text?: TextPieces;
  /** Default: none. */
  readonly toolCalls?: readonly OpenaiToolCall[];
  /** Default: `tool_calls` when there are some, else `stop`. */
  readonly finishReason?: string;
}

/** What a chat completion is to say; everything has a default. */
export interface OpenaiChatAnswer extends OpenaiChoice {
  /** Several different choices. Default: one, made of `text`, `toolCalls` and `finishReason`. */
  readonly choices?: readonly OpenaiChoice[];
  /** How many times the one choice is given. Default: 1. Ignored when `choices` is set. */
  readonly n?: number;
  /** Default: `gpt-5.4`. */
  readonly model?: string;
  /** Default: one that says it is a fake. */
  readonly id?: string;
  /** Seconds since the Unix epoch. Default: 2026-01-01T00:00:00Z. */
  readonly created?: number;
  /** Laid over a plausible usage; the names are the wire's (`prompt_tokens`, …). */
  readonly usage?: Readonly<Record<string, unknown>>;
  /** Streams only: `stream_options.include_usage` was asked for. Default: false. */
  readonly includeUsage?: boolean;
}

/** The JSON body of a non-streamed chat completion, indented as the provider indents it. */
export function openaiChat(answer: OpenaiChatAnswer = {}): string {
  const choices = choicesOf(answer).map((choice, index) => ({
    index,
    message: {
      role: 'assistant',
      content: contentOf(choice),
      ...(choice.toolCalls && { tool_calls: choice.toolCalls.map(wholeCall) }),
      refusal: null,
    },
    logprobs: null,
    finish_reason: finishReasonOf(choice),
  }));
  const body = { ...common(answer, 'chat.completion'), choices, usage: usageOf(answer) };
  return JSON.stringify({ ...body, system_fingerprint: 'fp_fake' }, null, 2);
}

/**
 * The events of a streamed chat completion, one string each: data-only chunks, the choices' deltas interleaved, and
 * `[DONE]`. With `includeUsage` every chunk has `"usage":null` and one more chunk, without choices, has the usage.
 */
export function openaiChatStream(answer: OpenaiChatAnswer = {}): string[] {
  const head = { ...common(answer, 'chat.completion.chunk'), system_fingerprint: 'fp_fake' };
  const noUsage = answer.includeUsage ? { usage: null } : {};
  const chunk = (index: number, delta: object, finishReason: string | null): string =>
    sseEvent({
      data: { ...head, choices: [{ index, delta, logprobs: null, finish_reason: finishReason }], ...noUsage },
    });

  const choices = choicesOf(answer);
  const deltas = choices.map(deltasOf);
  const rounds = Math.max(...deltas.map(({ length }) => length));
  const events: string[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const [index, own] of deltas.entries()) {
      const delta = own[round];
      if (delta) events.push(chunk(index, delta, null));
    }
  }
  for (const [index, choice] of choices.entries()) events.push(chunk(index, {}, finishReasonOf(choice)));
  if (answer.includeUsage) events.push(sseEvent({ data: { ...head, choices: [], usage: usageOf(answer) } }));
  events.push(sseEvent({ data: '[DONE]' }));
  return events;
}

function common(answer: OpenaiChatAnswer, object: string): object {
  return {
    id: answer.id ?? 'chatcmpl-Fake0000000000000000000000000',
    object,
    created: answer.created ?? 1_767_225_600,
    model: answer.model ?? 'gpt-5.4',
  };
}

function choicesOf(answer: OpenaiChatAnswer): readonly OpenaiChoice[] {
  return answer.choices ?? Array.from({ length: answer.n ?? 1 }, () => answer);
}

function contentOf({ text, toolCalls }: OpenaiChoice): string | null {
  if (text !== undefined) return wholeOf(text);
  return toolCalls ? null : 'Hello!';
}

function finishReasonOf({ finishReason, toolCalls }: OpenaiChoice): string {
  return finishReason ?? (toolCalls ? 'tool_calls' : 'stop');
}

function deltasOf(choice: OpenaiChoice): object[] {
  const content = contentOf(choice);
  const pieces = content === null ? [] : piecesOf(choice.text ?? content);
  return [
    { role: 'assistant', content: content === null ? null : '', refusal: null },
    ...pieces.map((piece) => ({ content: piece })),
    ...(choice.toolCalls ?? []).flatMap(callDeltas),
  ];
}

function callDeltas(call: OpenaiToolCall, index: number): object[] {
  const { id, type, function: fn } = wholeCall(call, index);
  const first = { index, id, type, function: { name: fn.name, arguments: '' } };
  const rest = splitTokens(fn.arguments).map((piece) => ({ index, function: { arguments: piece } }));
  return [first, ...rest].map((delta) => ({ tool_calls: [delta] }));
}

interface WireCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

function wholeCall(call: OpenaiToolCall, index: number): WireCall {
  const id = call.id ?? `call_Fake${String(index).padStart(20, '0')}`;
  return { id, type: 'function', function: { name: call.name, arguments: openaiArguments(call) } };
}

/** A tool call's arguments as the text they are on the wire. */
export function openaiArguments({ arguments: given = {} }: OpenaiToolCall): string {
  return typeof given === 'string' ? given : JSON.stringify(given);
}

function usageOf(answer: OpenaiChatAnswer): object {
  const completion = choicesOf(answer).map((choice) => contentOf(choice) ?? JSON.stringify(choice.toolCalls));
  const usage = {
    prompt_tokens: 12,
    completion_tokens: estimateTokens(completion.join('')),
    ...answer.usage,
  };
  return {
    ...usage,
    total_tokens: Number(usage.prompt_tokens) + Number(usage.completion_tokens),
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
    ...answer.usage,
  };
}
