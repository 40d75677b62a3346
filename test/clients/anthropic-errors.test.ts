import Anthropic from '@anthropic-ai/sdk';
import { OverloadedError } from '@anthropic-ai/sdk/core/error';
import { retry } from '@sluice/retry';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ABORT_MS, abortDelay } from '../support/abort-delay.ts';
import { MOUNTS } from '../support/mounts.ts';
import { refuser } from '../support/refuser.ts';
import { type Stage, stageFor } from '../support/stage.ts';
import { thrownBy } from '../support/thrown-by.ts';
import { clientOf, QUESTION, textOf } from './anthropic-client.ts';
import { CUTS } from './cuts.ts';

describe.each(MOUNTS)('errors of the Anthropic SDK through $name', (mount) => {
  let stage: Stage;
  let client: Anthropic;
  beforeAll(async () => {
    stage = await stageFor(mount, { host: { basePath: '/claude' } });
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
      [400, Anthropic.BadRequestError],
      [401, Anthropic.AuthenticationError],
      [403, Anthropic.PermissionDeniedError],
      [404, Anthropic.NotFoundError],
      [429, Anthropic.RateLimitError],
      [500, Anthropic.InternalServerError],
      [529, OverloadedError],
    ])('%i is the class that the SDK has for it', async (status, ErrorClass) => {
      stage.upstream.reply({ kind: 'status', status, message: '没有', times: 2 });
      for (const stream of [false, true]) {
        const error = await thrownBy(client.messages.create({ ...QUESTION, stream }));
        expect(error).toBeInstanceOf(ErrorClass);
        expect(error).toMatchObject({
          status,
          apiMessage: '没有',
          requestID: expect.stringMatching(/^req_/) as string,
        });
      }
    });

    it('429: tries again when it is told to', async () => {
      stage.upstream.reply({ kind: 'status', status: 429, retryAfterMs: '1', times: 2 });
      expect((await clientOf(stage, 2).messages.create(QUESTION)).content).toHaveLength(1);
      expect(stage.upstream.requests.map((one) => one.headers['x-stainless-retry-count'])).toEqual([
        '0',
        '1',
        '2',
      ]);
    });

    it('429: is told when to try again', async () => {
      stage.upstream.reply({ kind: 'status', status: 429, retryAfter: '17' });
      const error = await thrownBy(client.messages.create(QUESTION));
      expect((error as InstanceType<typeof Anthropic.RateLimitError>).headers.get('retry-after')).toBe('17');
    });

    it('an upstream that hangs up is a server’s error', async () => {
      // Twice: on a connection that was kept alive, the first may have come of its age and is not held against it.
      stage.upstream.reply({ kind: 'close-before-headers', times: 2 });
      await expect(client.messages.create(QUESTION)).rejects.toMatchObject({
        status: 502,
        type: 'api_error',
      });
    });

    it('an error event inside a stream is an error', async () => {
      stage.upstream.reply({ kind: 'error-event', afterEvents: 4 }, { kind: 'error-event', afterEvents: 0 });
      for (let n = 0; n < 2; n++) {
        const events = await client.messages.create({ ...QUESTION, stream: true });
        await expect(textOf(events)).rejects.toMatchObject({ type: 'overloaded_error' });
      }
    });
  });

  describe('a client that leaves', () => {
    it('in the middle of a stream closes the upstream at once', async () => {
      const delay = await abortDelay(async () => {
        stage.upstream.reply({ kind: 'stall', afterEvents: 4 });
        const asked = stage.upstream.request();
        const events = await client.messages.create({ ...QUESTION, stream: true });
        await events[Symbol.asyncIterator]().next();
        const request = await asked;
        return { request, leave: () => events.controller.abort() };
      });
      expect(delay).toBeLessThan(ABORT_MS);
    });

    it('while it waits for the answer closes the upstream at once', async () => {
      const delay = await abortDelay(async () => {
        stage.upstream.reply('stall');
        const asked = stage.upstream.request();
        const controller = new AbortController();
        const answer = client.messages.create(QUESTION, { signal: controller.signal });
        const also = thrownBy(answer).then((error) => {
          expect(error).toBeInstanceOf(Anthropic.APIUserAbortError);
        });
        return { request: await asked, leave: () => controller.abort(), also };
      });
      expect(delay).toBeLessThan(ABORT_MS);
    });

    it('by breaking out of its loop closes the upstream', async () => {
      stage.upstream.reply({ kind: 'stall', afterEvents: 4 });
      for await (const event of await client.messages.create({ ...QUESTION, stream: true })) {
        if (event.type === 'content_block_delta') break;
      }
      expect(await stage.upstream.requests[0]?.closed).toBe('aborted');
    });
  });

  describe.each(CUTS)('an answer that breaks off: $kind $ending', (cut) => {
    it('is an error to who reads events', async () => {
      stage.upstream.reply(cut);
      const events = await client.messages.create({ ...QUESTION, stream: true });
      await expect(textOf(events)).rejects.toMatchObject({ type: 'api_error' });
    });

    it('is an error to who waits for the message', async () => {
      stage.upstream.reply(cut);
      await expect(client.messages.stream(QUESTION).finalMessage()).rejects.toThrow(Anthropic.APIError);
    });

    it('is an error to who does not stream', async () => {
      stage.upstream.reply(cut);
      await expect(client.messages.create(QUESTION)).rejects.toThrow();
    });
  });
});

describe.each(MOUNTS)('the Anthropic SDK and plugins through $name', (mount) => {
  it.each(['content_blocked', 'quota_exceeded', 'forbidden', 'unauthenticated'] as const)(
    'does not try again what was refused as %s',
    async (code) => {
      const { plugin, asked } = refuser(code);
      await using stage = await stageFor(mount, { pipeline: { plugins: [plugin] } });
      await expect(clientOf(stage, 2).messages.create(QUESTION)).rejects.toBeInstanceOf(Anthropic.APIError);
      await expect(clientOf(stage, 2).messages.stream(QUESTION).finalMessage()).rejects.toBeInstanceOf(
        Anthropic.APIError,
      );
      expect(asked()).toBe(2);
    },
  );

  it('does not multiply the attempts of retry', async () => {
    const plugins = [retry({ baseDelayMs: 0, throttledDelayMs: 0 })];
    await using stage = await stageFor(mount, { pipeline: { plugins } });
    stage.upstream.script(() => ({ kind: 'status', status: 529 }));
    await expect(clientOf(stage, 2).messages.create(QUESTION)).rejects.toBeInstanceOf(OverloadedError);
    expect(stage.upstream.requests).toHaveLength(3);
  });

  it('sees pings while retry would still hold the stream back', async () => {
    const plugins = [retry({ commitHoldMs: 20 })];
    await using stage = await stageFor(mount, { pipeline: { plugins } });
    stage.upstream.reply({ kind: 'pings-only', afterEvents: 1, intervalMs: 5 });
    const events = await clientOf(stage).messages.create({ ...QUESTION, stream: true });
    const first = await events[Symbol.asyncIterator]().next();
    expect(first.value).toMatchObject({ type: 'message_start' });
    expect(stage.upstream.openStreams).toBe(1);
    events.controller.abort();
  });
});
