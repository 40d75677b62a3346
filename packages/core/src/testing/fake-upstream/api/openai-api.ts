import { openaiChat, openaiChatStream, type OpenaiChatAnswer } from '../../openai-chat-wire.ts';
import {
  openaiResponses,
  openaiResponsesStream,
  type OpenaiResponsesAnswer,
} from '../../openai-responses-wire.ts';
import { answerTo } from './answer.ts';
import { checkBody, type ApiCall, type Served } from './api.ts';
import { field } from './read-json.ts';

/** `POST /v1/chat/completions` */
export function chatCompletions(call: ApiCall): Served {
  // Azure has the model in the path, so it may be missing here.
  const body = checkBody(call, ['messages']);
  const said = answerTo(body, call.given);
  const finishReason = call.given?.stopReason ?? (said.cut ? 'length' : undefined);
  const answer: OpenaiChatAnswer = {
    ...words(said),
    model: said.model,
    id: `chatcmpl-${said.id}`,
    n: Math.min(16, Number(body['n'] ?? 1)),
    usage: { prompt_tokens: said.inputTokens, ...call.given?.usage },
    includeUsage: field(body['stream_options'], 'include_usage') === true,
    ...(finishReason !== undefined && { finishReason }),
  };
  return body['stream'] === true || call.forceStream ? openaiChatStream(answer) : openaiChat(answer);
}

/** `POST /v1/responses` */
export function responses(call: ApiCall): Served {
  const body = checkBody(call, ['input']);
  const said = answerTo(body, call.given);
  const answer: OpenaiResponsesAnswer = {
    ...words(said),
    model: said.model,
    id: `resp_${said.id}`,
    usage: { input_tokens: said.inputTokens, ...call.given?.usage },
    status: said.cut ? 'incomplete' : 'completed',
    fields: {
      instructions: body['instructions'] ?? null,
      max_output_tokens: body['max_output_tokens'] ?? null,
    },
  };
  return body['stream'] === true || call.forceStream
    ? openaiResponsesStream(answer)
    : openaiResponses(answer);
}

function words({
  text,
  toolCalls,
}: ReturnType<typeof answerTo>): Pick<OpenaiChatAnswer, 'text' | 'toolCalls'> {
  if (toolCalls.length === 0) return { text };
  const calls = toolCalls.map(({ name, input }) => ({ name, arguments: input }));
  return text === '' ? { toolCalls: calls } : { text, toolCalls: calls };
}
