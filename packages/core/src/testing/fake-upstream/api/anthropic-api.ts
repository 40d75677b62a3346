import {
  anthropicMessage,
  anthropicStream,
  type AnthropicAnswer,
  type AnthropicBlock,
} from '../../anthropic-wire.ts';
import { answerTo, inputTokens } from './answer.ts';
import { checkBody, type ApiCall, type Served } from './api.ts';
import type { BehaviourOf } from '../behaviours/behaviour.ts';

/** `POST /v1/messages` */
export function messages(call: ApiCall): Served {
  const body = checkBody(call, ['model', 'messages']);
  const answer = anthropicAnswer(body, call.given);
  return body['stream'] === true || call.forceStream ? anthropicStream(answer) : anthropicMessage(answer);
}

/** `POST /v1/messages/count_tokens` */
export function countTokens(call: ApiCall): Served {
  return JSON.stringify({ input_tokens: inputTokens(checkBody(call, ['model', 'messages'])) });
}

/** The fake model's answer as an answer of the Messages API. */
export function anthropicAnswer(body: unknown, given?: BehaviourOf<'answer'>): AnthropicAnswer {
  const answer = answerTo(body, given);
  const content: AnthropicBlock[] = [];
  if (answer.thinking !== undefined) content.push({ type: 'thinking', thinking: answer.thinking });
  if (answer.text !== '' || answer.toolCalls.length === 0) content.push({ type: 'text', text: answer.text });
  for (const { name, input } of answer.toolCalls) content.push({ type: 'tool_use', name, input });
  const stopReason = given?.stopReason ?? (answer.cut ? 'max_tokens' : undefined);
  return {
    content,
    model: answer.model,
    id: `msg_01${answer.id}`,
    usage: { input_tokens: answer.inputTokens, ...given?.usage },
    ...(stopReason !== undefined && { stopReason }),
  };
}
