import Anthropic from '@anthropic-ai/sdk';
import type { Mounted } from '../support/mounts.ts';

/** A question in Chinese. */
export const QUESTION = {
  model: 'claude-opus-5-5',
  max_tokens: 1024,
  messages: [{ role: 'user', content: '两只鹈鹕叫什么名字？🦢' }],
} satisfies Anthropic.MessageCreateParams;
/** What the fake upstream answers to it. */
export const ANSWER = '你说的是：两只鹈鹕叫什么名字？🦢';

/** The SDK, pointed at a mount. */
export function clientOf({ baseUrl, fetch }: Mounted, maxRetries = 0): Anthropic {
  return new Anthropic({
    apiKey: 'sk-ant-caller',
    baseURL: baseUrl,
    fetch,
    maxRetries,
    logLevel: 'off',
  });
}

/** All text of a stream. */
export async function textOf(events: AsyncIterable<Anthropic.MessageStreamEvent>): Promise<string> {
  let text = '';
  for await (const event of events) {
    if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text;
  }
  return text;
}
