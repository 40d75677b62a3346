import Anthropic from '@anthropic-ai/sdk';
import { EVENTS_PER_STREAM, EXCHANGES, type Mode } from './canned.ts';

/** Makes one call of a mode, and throws unless its answer is what the upstream sent. */
export type Call = (mode: Mode) => Promise<void>;

/** The SDK skips the one ping of the canned stream. */
const EVENTS = EVENTS_PER_STREAM - 1;

/** Calls with the official SDK, through its own `fetch` unless there is another. */
export function callWith(upstreamUrl: string, fetch?: typeof globalThis.fetch): Call {
  const client = new Anthropic({
    apiKey: 'not-a-key',
    baseURL: upstreamUrl,
    maxRetries: 0,
    ...(fetch === undefined ? {} : { fetch }),
  });
  const whole = paramsOf<Anthropic.MessageCreateParamsNonStreaming>('json');
  const streamed = paramsOf<Anthropic.MessageCreateParamsStreaming>('sse');
  return async (mode) => {
    if (mode === 'json') {
      const { content } = await client.messages.create(whole);
      const [block] = content;
      check(mode, block?.type === 'text' ? block.text : '');
      return;
    }
    let text = '';
    let events = 0;
    for await (const event of await client.messages.create(streamed)) {
      events += 1;
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text;
    }
    if (events !== EVENTS) throw new Error(`${events} events instead of ${EVENTS}`);
    check(mode, text);
  };
}

function paramsOf<Params>(mode: Mode): Params {
  return JSON.parse(EXCHANGES[mode].requestBody.toString()) as Params;
}

function check(mode: Mode, text: string): void {
  if (text !== EXCHANGES[mode].text) throw new Error(`wrong text of ${text.length} characters in ${mode}`);
}
