import OpenAI from 'openai';
import type { Mounted } from '../support/mounts.ts';

/** What is asked. */
export const WORDS = '两只鹈鹕叫什么名字？🦢';
/** What the fake upstream answers to it. */
export const ANSWER = `你说的是：${WORDS}`;
/** Asked as a chat. */
export const QUESTION = {
  model: 'gpt-5.4',
  messages: [{ role: 'user', content: WORDS }],
} satisfies OpenAI.ChatCompletionCreateParams;
/** Asked of the Responses API. */
export const INPUT = { model: 'gpt-5.4', input: WORDS };

/** The SDK, pointed at a mount. */
export function clientOf({ baseUrl, fetch }: Mounted, maxRetries = 0): OpenAI {
  return new OpenAI({
    apiKey: 'sk-caller',
    baseURL: `${baseUrl}/v1`,
    fetch,
    maxRetries,
    logLevel: 'off',
  });
}

/** All text of a stream of chunks. */
export async function chatText(chunks: AsyncIterable<OpenAI.ChatCompletionChunk>): Promise<string> {
  let text = '';
  for await (const chunk of chunks) text += chunk.choices[0]?.delta.content ?? '';
  return text;
}

/** All text of a stream of events. */
export async function responseText(
  events: AsyncIterable<OpenAI.Responses.ResponseStreamEvent>,
): Promise<string> {
  let text = '';
  for await (const event of events) if (event.type === 'response.output_text.delta') text += event.delta;
  return text;
}
