import {
  anthropicMessage,
  anthropicStream,
  openaiChat,
  openaiChatStream,
  openaiResponses,
  openaiResponsesStream,
} from '@sluice/core/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FETCH } from '../support/mounts.ts';
import { type Stage, stageFor } from '../support/stage.ts';

const CASES = [
  {
    path: '/v1/messages',
    stream: anthropicStream({ text: ['H', '你'] }),
    whole: anthropicMessage({ text: '你' }),
  },
  {
    path: '/v1/chat/completions',
    stream: openaiChatStream({ text: ['H', '你'] }),
    whole: openaiChat({ text: '你' }),
  },
  {
    path: '/v1/responses',
    stream: openaiResponsesStream({ text: ['你'] }),
    whole: openaiResponses({ text: '你' }),
  },
];

/** What a stream may lack at its end and be whole all the same: its last line breaks. */
const LINE_BREAKS = 2;

/** Every byte near the end, where the meaning is, and some of the others. */
function placesToCut(length: number, lastEventLength: number): number[] {
  const near = Math.max(0, length - lastEventLength - 40);
  return Array.from({ length }, (_, at) => at).filter((at) => at >= near || at % 37 === 0);
}

describe('an answer cut at any byte, in an orderly frame,', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await stageFor(FETCH);
  });
  beforeEach(() => {
    stage.upstream.reset();
  });
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  });

  const ask = async (path: string, type: string, body: Buffer): Promise<string | undefined> => {
    stage.upstream.reply({ kind: 'fixture', headers: { 'content-type': type }, body });
    const response = await stage.fetch(`${stage.baseUrl}${path}`, {
      method: 'POST',
      body: JSON.stringify({ model: 'm', messages: [], stream: type === 'text/event-stream' }),
    });
    return response.text().catch(() => undefined);
  };

  it.each(CASES)('is a stream that ends with an error event: $path', async ({ path, stream }) => {
    const whole = Buffer.from(stream.join(''));
    for (const at of placesToCut(whole.length, stream.at(-1)?.length ?? 0)) {
      const count = stage.outcomes.length;
      const text = (await ask(path, 'text/event-stream', whole.subarray(0, at))) ?? '';
      const outcome = await stage.outcome(count + 1);
      if (whole.length - at <= LINE_BREAKS) {
        expect(outcome.kind, `cut at ${at}`).toBe('completed');
        continue;
      }
      expect(outcome, `cut at ${at}`).toMatchObject({
        kind: 'upstream-error',
        cause: { code: 'stream_cut' },
      });
      expect(text, `cut at ${at}`).toMatch(
        /(^|\n\n)(event: error\n)?data: \{("error"|"type":"error").*\}\n\n$/,
      );
    }
  });

  it.each(CASES)('is an error: $path', async ({ path, whole }) => {
    const bytes = Buffer.from(whole);
    for (const at of placesToCut(bytes.length, 0)) {
      const count = stage.outcomes.length;
      const text = await ask(path, 'application/json', bytes.subarray(0, at));
      expect(JSON.parse(text ?? ''), `cut at ${at}`).toMatchObject({
        error: { message: expect.any(String) },
      });
      const outcome = await stage.outcome(count + 1);
      expect(outcome, `cut at ${at}`).toMatchObject({
        kind: 'upstream-error',
        status: 502,
        cause: { code: 'connection_lost' },
      });
    }
  });
});
