import { openaiArguments, type OpenaiToolCall } from './openai-chat-wire.ts';
import { sseEvent } from './sse.ts';
import { estimateTokens, piecesOf, splitTokens, wholeOf, type TextPieces } from './split-tokens.ts';

/** What an answer of the Responses API is to say; everything has a default. */
export interface OpenaiResponsesAnswer {
  /** Default: `Hello!`, unless there are tool calls. */
  readonly text?: TextPieces;
  /** Function calls, after the text. Default: none. */
  readonly toolCalls?: readonly OpenaiToolCall[];
  /** Default: `gpt-5.4`. */
  readonly model?: string;
  /** Default: one that says it is a fake. */
  readonly id?: string;
  /** Seconds since the Unix epoch. Default: 2026-01-01T00:00:00Z. */
  readonly created?: number;
  /** Laid over a plausible usage; the names are the wire's (`input_tokens`, …). */
  readonly usage?: Readonly<Record<string, unknown>>;
  /** How the answer ends. Default: `completed`. */
  readonly status?: 'completed' | 'incomplete' | 'failed';
  /** Laid over the response object, for instance `{ instructions: '…' }`. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** The JSON body of a non-streamed answer, indented as the provider indents it. */
export function openaiResponses(answer: OpenaiResponsesAnswer = {}): string {
  return JSON.stringify(finished(answer), null, 2);
}

/**
 * The events of a streamed answer, one string each: `response.created`, `response.in_progress`, per output item its
 * beginning, deltas and end, and `response.completed` (or `.incomplete`, `.failed`), each with its `sequence_number`.
 */
export function openaiResponsesStream(answer: OpenaiResponsesAnswer = {}): string[] {
  const running = response(answer, 'in_progress', []);
  const last = finished(answer);
  const payloads = [
    { type: 'response.created', response: running },
    { type: 'response.in_progress', response: running },
    ...itemsOf(answer).flatMap((item, index) => item.events(index)),
    { type: `response.${String(last['status'])}`, response: last },
  ];
  return payloads.map((payload, sequence_number) =>
    sseEvent({ event: payload.type, data: { ...payload, sequence_number } }),
  );
}

interface Payload {
  readonly type: string;
  readonly [field: string]: unknown;
}

interface OutputItem {
  readonly whole: object;
  readonly events: (outputIndex: number) => Payload[];
}

function itemsOf(answer: OpenaiResponsesAnswer): OutputItem[] {
  const calls = (answer.toolCalls ?? []).map(functionCallItem);
  const text = answer.text ?? (calls.length > 0 ? undefined : 'Hello!');
  return text === undefined ? calls : [messageItem(text), ...calls];
}

function messageItem(text: TextPieces): OutputItem {
  const item_id = 'msg_fake00000000000000000000000000';
  const item = (status: string, content: object[]): object => ({
    id: item_id,
    type: 'message',
    status,
    content,
    role: 'assistant',
  });
  const part = (value: string): object => ({
    type: 'output_text',
    annotations: [],
    logprobs: [],
    text: value,
  });
  const whole = item('completed', [part(wholeOf(text))]);
  return {
    whole,
    events(output_index) {
      const at = { content_index: 0, item_id, output_index };
      return [
        { type: 'response.output_item.added', item: item('in_progress', []), output_index },
        { type: 'response.content_part.added', ...at, part: part('') },
        ...piecesOf(text).map((delta) => ({
          type: 'response.output_text.delta',
          ...at,
          delta,
          logprobs: [],
        })),
        { type: 'response.output_text.done', ...at, logprobs: [], text: wholeOf(text) },
        { type: 'response.content_part.done', ...at, part: part(wholeOf(text)) },
        { type: 'response.output_item.done', item: whole, output_index },
      ];
    },
  };
}

function functionCallItem(call: OpenaiToolCall, index: number): OutputItem {
  const item_id = `fc_fake${String(index).padStart(26, '0')}`;
  const call_id = call.id ?? `call_Fake${String(index).padStart(20, '0')}`;
  const json = openaiArguments(call);
  const item = (status: string, given: string): object => ({
    id: item_id,
    type: 'function_call',
    status,
    arguments: given,
    call_id,
    name: call.name,
  });
  return {
    whole: item('completed', json),
    events(output_index) {
      const at = { item_id, output_index };
      return [
        { type: 'response.output_item.added', item: item('in_progress', ''), output_index },
        ...splitTokens(json).map((delta) => ({
          type: 'response.function_call_arguments.delta',
          ...at,
          delta,
        })),
        { type: 'response.function_call_arguments.done', ...at, arguments: json },
        { type: 'response.output_item.done', item: item('completed', json), output_index },
      ];
    },
  };
}

function finished(answer: OpenaiResponsesAnswer): Record<string, unknown> {
  const status = answer.status ?? 'completed';
  const output = itemsOf(answer).map(({ whole }) => whole);
  const usage = { input_tokens: 12, output_tokens: estimateTokens(JSON.stringify(output)), ...answer.usage };
  const total_tokens = Number(usage.input_tokens) + Number(usage.output_tokens);
  return {
    ...response(answer, status, output),
    ...(status === 'completed' && { completed_at: (answer.created ?? CREATED) + 1 }),
    ...(status === 'incomplete' && { incomplete_details: { reason: 'max_output_tokens' } }),
    ...(status === 'failed' && { error: { code: 'server_error', message: 'The model failed to answer.' } }),
    usage: {
      input_tokens_details: { cached_tokens: 0 },
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens,
      ...usage,
    },
  };
}

const CREATED = 1_767_225_600;

function response(
  answer: OpenaiResponsesAnswer,
  status: string,
  output: readonly object[],
): Record<string, unknown> {
  return {
    id: answer.id ?? 'resp_fake0000000000000000000000000',
    object: 'response',
    created_at: answer.created ?? CREATED,
    status,
    background: false,
    completed_at: null,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    model: answer.model ?? 'gpt-5.4',
    output,
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    service_tier: 'default',
    store: true,
    temperature: 1,
    text: { format: { type: 'text' }, verbosity: 'medium' },
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    truncation: 'disabled',
    usage: null,
    user: null,
    metadata: {},
    ...answer.fields,
  };
}
