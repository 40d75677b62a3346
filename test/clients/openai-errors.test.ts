import { openaiResponsesStream } from '@sluice/core/testing';
import { retry } from '@sluice/retry';
import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ABORT_MS, abortDelay } from '../support/abort-delay.ts';
import { MOUNTS } from '../support/mounts.ts';
import { refuser } from '../support/refuser.ts';
import { type Stage, stageFor } from '../support/stage.ts';
import { thrownBy } from '../support/thrown-by.ts';
import { CUTS } from './cuts.ts';
import { chatText, clientOf, INPUT, QUESTION, responseText } from './openai-client.ts';

describe.each(MOUNTS)('errors of the OpenAI SDK through $name', (mount) => {
  let stage: Stage;
  let client: OpenAI;
  beforeAll(async () => {
    stage = await stageFor(mount, { host: { basePath: '/gpt' } });
    client = clientOf(stage);
  });
  beforeEach(() => {
    stage.upstream.reset();
  });
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  });

  describe('errors', () => {
    it.each([
      [400, OpenAI.BadRequestError],
      [401, OpenAI.AuthenticationError],
      [403, OpenAI.PermissionDeniedError],
      [404, OpenAI.NotFoundError],
      [429, OpenAI.RateLimitError],
      [500, OpenAI.InternalServerError],
      [503, OpenAI.InternalServerError],
    ])('%i is the class that the SDK has for it', async (status, ErrorClass) => {
      stage.upstream.reply({ kind: 'status', status, message: '没有', code: 'odd_code', times: 2 });
      for (const call of [
        client.chat.completions.create(QUESTION),
        client.responses.create({ ...INPUT, stream: true }),
      ]) {
        const error: unknown = await thrownBy(call);
        expect(error).toBeInstanceOf(ErrorClass);
        expect(error).toMatchObject({
          status,
          code: 'odd_code',
          requestID: expect.stringMatching(/^req_/) as string,
        });
      }
    });

    it('429: tries again when it is told to', async () => {
      stage.upstream.reply({ kind: 'status', status: 429, retryAfterMs: '1', times: 2 });
      expect((await clientOf(stage, 2).chat.completions.create(QUESTION)).choices).toHaveLength(1);
      expect(stage.upstream.requests.map((one) => one.headers['x-stainless-retry-count'])).toEqual([
        '0',
        '1',
        '2',
      ]);
    });

    it('an upstream that hangs up is a server’s error', async () => {
      // Twice: on a connection that was kept alive, the first may have come of its age and is not held against it.
      stage.upstream.reply({ kind: 'close-before-headers', times: 2 });
      await expect(client.chat.completions.create(QUESTION)).rejects.toMatchObject({
        status: 502,
        code: 'connection_lost',
      });
    });

    it('an error event inside a stream is an error', async () => {
      stage.upstream.reply({ kind: 'error-event', afterEvents: 4, status: 429, times: 2 });
      const chunks = await client.chat.completions.create({ ...QUESTION, stream: true });
      await expect(chatText(chunks)).rejects.toMatchObject({ code: 'rate_limit_exceeded' });
      const events = await client.responses.create({ ...INPUT, stream: true });
      await expect(responseText(events)).rejects.toMatchObject({ code: 'rate_limit_exceeded' });
    });
  });

  describe('a client that leaves', () => {
    it('in the middle of a stream closes the upstream at once', async () => {
      const delay = await abortDelay(async () => {
        stage.upstream.reply({ kind: 'stall', afterEvents: 4 });
        const asked = stage.upstream.request();
        const chunks = await client.chat.completions.create({ ...QUESTION, stream: true });
        await chunks[Symbol.asyncIterator]().next();
        const request = await asked;
        return { request, leave: () => chunks.controller.abort() };
      });
      expect(delay).toBeLessThan(ABORT_MS);
    });

    it('while it waits for the answer closes the upstream at once', async () => {
      const delay = await abortDelay(async () => {
        stage.upstream.reply('stall');
        const asked = stage.upstream.request();
        const controller = new AbortController();
        const answer = client.responses.create(INPUT, { signal: controller.signal });
        const also = thrownBy(answer).then((error) => {
          expect(error).toBeInstanceOf(OpenAI.APIUserAbortError);
        });
        return { request: await asked, leave: () => controller.abort(), also };
      });
      expect(delay).toBeLessThan(ABORT_MS);
    });
  });

  it('a stream that breaks off within its last event is an error', async () => {
    const body = openaiResponsesStream({ text: '你好' }).join('').slice(0, -40);
    stage.upstream.reply({ kind: 'fixture', headers: { 'content-type': 'text/event-stream' }, body });
    const events = await client.responses.create({ ...INPUT, stream: true });
    await expect(responseText(events)).rejects.toThrow();
  });

  describe.each(CUTS)('an answer that breaks off: $kind $ending', (cut) => {
    it('is an error to who reads chunks', async () => {
      stage.upstream.reply(cut);
      await expect(
        client.chat.completions.create({ ...QUESTION, stream: true }).then(chatText),
      ).rejects.toMatchObject({ code: 'stream_cut' });
    });

    it('is an error to who reads events', async () => {
      stage.upstream.reply(cut);
      const events = await client.responses.create({ ...INPUT, stream: true });
      await expect(responseText(events)).rejects.toThrow(OpenAI.APIError);
    });

    it('is an error to who waits for the end', async () => {
      stage.upstream.reply(cut, cut);
      await expect(client.chat.completions.stream(QUESTION).finalChatCompletion()).rejects.toThrow();
      await expect(client.responses.stream(INPUT).finalResponse()).rejects.toThrow();
    });

    it('is an error to who does not stream', async () => {
      stage.upstream.reply(cut, cut);
      await expect(client.chat.completions.create(QUESTION)).rejects.toThrow();
      await expect(client.responses.create(INPUT)).rejects.toThrow();
    });
  });
});

describe.each(MOUNTS)('the OpenAI SDK and plugins through $name', (mount) => {
  it.each(['content_blocked', 'quota_exceeded', 'forbidden', 'unauthenticated'] as const)(
    'does not try again what was refused as %s',
    async (code) => {
      const { plugin, asked } = refuser(code);
      await using stage = await stageFor(mount, { pipeline: { plugins: [plugin] } });
      const client = clientOf(stage, 2);
      await expect(client.chat.completions.create(QUESTION)).rejects.toBeInstanceOf(OpenAI.APIError);
      await expect(client.responses.create({ ...INPUT, stream: true })).rejects.toBeInstanceOf(
        OpenAI.APIError,
      );
      expect(asked()).toBe(2);
    },
  );

  it('does not multiply the attempts of retry', async () => {
    const plugins = [retry({ baseDelayMs: 0, throttledDelayMs: 0 })];
    await using stage = await stageFor(mount, { pipeline: { plugins } });
    stage.upstream.script(() => ({ kind: 'status', status: 503 }));
    const answer = clientOf(stage, 2).chat.completions.create(QUESTION);
    await expect(answer).rejects.toBeInstanceOf(OpenAI.InternalServerError);
    expect(stage.upstream.requests).toHaveLength(3);
  });
});
