import { sseEvent } from './sse.ts';
import { estimateTokens, piecesOf, splitTokens, wholeOf, type TextPieces } from './split-tokens.ts';

/** A content block of an answer in the Messages API. */
export type AnthropicBlock =
  | { readonly type: 'text'; readonly text: TextPieces }
  | { readonly type: 'thinking'; readonly thinking: TextPieces; readonly signature?: string }
  | { readonly type: 'redacted_thinking'; readonly data: string }
  | { readonly type: 'tool_use'; readonly id?: string; readonly name: string; readonly input?: unknown };

/** What an answer of the Messages API is to say; everything has a default. */
export interface AnthropicAnswer {
  /** Short for `content: [{ type: 'text', text }]`. Default: `Hello!`. */
  readonly text?: TextPieces;
  /** The content blocks, in order. */
  readonly content?: readonly AnthropicBlock[];
  /** Default: `claude-opus-5-5`. */
  readonly model?: string;
  /** Default: one that says it is a fake. */
  readonly id?: string;
  /** Laid over a plausible usage; the names are the wire's (`input_tokens`, …). */
  readonly usage?: Readonly<Record<string, unknown>>;
  /** Default: `tool_use` when a block is one, else `end_turn`. */
  readonly stopReason?: string;
  /** The sequence that stopped the answer. Default: null. */
  readonly stopSequence?: string | null;
}

/** The JSON body of a non-streamed answer. */
export function anthropicMessage(answer: AnthropicAnswer = {}): string {
  return JSON.stringify(envelope(answer, blocksOf(answer).map(wholeBlock), stopReasonOf(answer)));
}

/**
 * The events of a streamed answer, one string each: `message_start`, per block its start, deltas and stop, a `ping`
 * after the first block's start, `message_delta` with the cumulative usage, `message_stop`. JSON is padded with spaces
 * before its last brace, as the provider pads it.
 */
export function anthropicStream(answer: AnthropicAnswer = {}): string[] {
  const message = envelope(answer, [], null);
  const finalUsage = usageOf(answer);
  const events = [
    event({ type: 'message_start', message: { ...message, usage: { ...finalUsage, output_tokens: 1 } } }),
  ];
  for (const [index, block] of blocksOf(answer).entries()) {
    events.push(event({ type: 'content_block_start', index, content_block: emptyBlock(block, index) }));
    if (index === 0) events.push(ANTHROPIC_PING);
    for (const delta of deltasOf(block)) events.push(event({ type: 'content_block_delta', index, delta }));
    events.push(event({ type: 'content_block_stop', index }));
  }
  const { cache_creation: _, service_tier: __, inference_geo: ___, ...usage } = finalUsage;
  const delta = {
    stop_reason: stopReasonOf(answer),
    stop_sequence: answer.stopSequence ?? null,
    stop_details: null,
  };
  events.push(event({ type: 'message_delta', delta, usage }), event({ type: 'message_stop' }));
  return events;
}

/** The provider's `ping` event; the odd space is the provider's. */
export const ANTHROPIC_PING: string = 'event: ping\ndata: {"type": "ping"}\n\n';

function event(data: { type: string; [field: string]: unknown }): string {
  const json = JSON.stringify(data);
  // The real padding looks random; this one only has to differ from event to event.
  const padding = ' '.repeat((json.length * 7) % 16);
  return sseEvent({ event: data.type, data: `${json.slice(0, -1)}${padding}}` });
}

function envelope(
  answer: AnthropicAnswer,
  content: readonly unknown[],
  stopReason: string | null,
): Record<string, unknown> {
  return {
    model: answer.model ?? 'claude-opus-5-5',
    id: answer.id ?? 'msg_01FakeMessage0000000000',
    type: 'message',
    role: 'assistant',
    content,
    stop_reason: stopReason,
    stop_sequence: stopReason === null ? null : (answer.stopSequence ?? null),
    stop_details: null,
    usage: usageOf(answer),
  };
}

function usageOf(answer: AnthropicAnswer): Record<string, unknown> {
  return {
    input_tokens: 12,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
    output_tokens: estimateTokens(blocksOf(answer).map(textOfBlock).join('')),
    service_tier: 'standard',
    inference_geo: 'not_available',
    ...answer.usage,
  };
}

function blocksOf(answer: AnthropicAnswer): readonly AnthropicBlock[] {
  return answer.content ?? [{ type: 'text', text: answer.text ?? 'Hello!' }];
}

function stopReasonOf(answer: AnthropicAnswer): string {
  return (
    answer.stopReason ?? (blocksOf(answer).some(({ type }) => type === 'tool_use') ? 'tool_use' : 'end_turn')
  );
}

function wholeBlock(block: AnthropicBlock, index: number): unknown {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: wholeOf(block.text) };
    case 'thinking':
      return { type: 'thinking', thinking: wholeOf(block.thinking), signature: signatureOf(block) };
    case 'tool_use':
      return { type: 'tool_use', id: toolId(block, index), name: block.name, input: block.input ?? {} };
    case 'redacted_thinking':
      return block;
  }
}

function emptyBlock(block: AnthropicBlock, index: number): unknown {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: '' };
    case 'thinking':
      return { type: 'thinking', thinking: '', signature: '' };
    case 'tool_use':
      return { type: 'tool_use', id: toolId(block, index), name: block.name, input: {} };
    case 'redacted_thinking':
      return block;
  }
}

function deltasOf(block: AnthropicBlock): object[] {
  switch (block.type) {
    case 'text':
      return piecesOf(block.text).map((text) => ({ type: 'text_delta', text }));
    case 'thinking':
      return [
        ...piecesOf(block.thinking).map((thinking) => ({ type: 'thinking_delta', thinking })),
        { type: 'signature_delta', signature: signatureOf(block) },
      ];
    case 'tool_use': {
      const json = JSON.stringify(block.input ?? {});
      // The first delta is empty on the wire; a tool without arguments has only that one.
      const pieces = json === '{}' ? [''] : ['', ...splitTokens(json)];
      return pieces.map((partial_json) => ({ type: 'input_json_delta', partial_json }));
    }
    case 'redacted_thinking':
      return [];
  }
}

function textOfBlock(block: AnthropicBlock): string {
  switch (block.type) {
    case 'text':
      return wholeOf(block.text);
    case 'thinking':
      return wholeOf(block.thinking);
    case 'tool_use':
      return JSON.stringify(block.input ?? {});
    case 'redacted_thinking':
      return block.data;
  }
}

function signatureOf(block: { readonly signature?: string }): string {
  return block.signature ?? 'EqoBCkgIARABGAIiQGZha2Ugc2lnbmF0dXJlIG9mIGEgZmFrZSB0aG91Z2h0Eg==';
}

function toolId(block: { readonly id?: string }, index: number): string {
  return block.id ?? `toolu_01FakeToolUse${String(index).padStart(8, '0')}`;
}
