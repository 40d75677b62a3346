import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createPipeline, type Outcome, definePlugin } from '@sluice/core';
import { type Behaviour, fakeUpstream } from '@sluice/core/testing';
import { retry } from '@sluice/retry';
import { describe, expect, it } from 'vitest';
import { FETCH, MOUNTS } from '../support/mounts.ts';
import { type Stage, stageFor } from '../support/stage.ts';

const WAYS = [FETCH, ...MOUNTS.filter(({ name }) => name === 'node:http')];
const BODY = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'Hello' }] };

const ask = (stage: Stage, body: object = BODY): Promise<Response> =>
  stage.fetch(`${stage.baseUrl}/v1/messages`, { method: 'POST', body: JSON.stringify(body) });

/** The text of an answer, once its connection is free again. */
async function answerTo(stage: Stage, body: object = BODY): Promise<string> {
  const text = await (await ask(stage, body)).text();
  await nextTurn();
  return text;
}

describe.each(WAYS)('connections behind $name', (mount) => {
  it.each(['fin', 'rst'] as const)(
    'one closed in its idle time (%s) costs the caller nothing',
    async (ending) => {
      await using stage = await stageFor(mount);
      stage.upstream.reply({ kind: 'keep-alive-race', ending });
      for (let n = 0; n < 2; n++) expect(await answerTo(stage)).toContain('You said: Hello');
      expect(stage.upstream.requests.map(({ connection }) => connection)).toEqual([1, 1, 2]);
      expect(stage.outcomes).toMatchObject([
        { kind: 'completed', attempts: 1 },
        { kind: 'completed', attempts: 1 },
      ]);
    },
  );

  it('one that is lost twice over is not tried for ever', async () => {
    await using stage = await stageFor(mount);
    await answerTo(stage);
    stage.upstream.script(() => 'close-before-headers');
    expect((await ask(stage)).status).toBe(502);
    expect(stage.upstream.requests).toHaveLength(3);
  });

  it.each([true, false])(
    'no call gets what another’s answer was followed by (stream: %s)',
    async (stream) => {
      await using stage = await stageFor(mount);
      stage.upstream.reply('extra-bytes', 'extra-bytes');
      for (let n = 0; n < 4; n++) {
        const text = await answerTo(stage, { ...BODY, stream });
        expect(text).toContain(stream ? 'message_stop' : 'You said: Hello');
        expect(text).not.toContain('poisoned');
      }
      expect(stage.outcomes.map(({ kind }) => kind)).toEqual(Array(4).fill('completed'));
    },
  );

  it('one is used again after an answer, an error and a discarded attempt', async () => {
    await using stage = await stageFor(mount, {
      pipeline: { plugins: [retry({ baseDelayMs: 0, throttledDelayMs: 0 })] },
    });
    stage.upstream.reply(
      { kind: 'answer' },
      { kind: 'status', status: 400 },
      { kind: 'status', status: 529 },
    );
    for (let n = 0; n < 4; n++) await answerTo(stage, { ...BODY, stream: n === 3 });
    expect(stage.upstream.requests).toHaveLength(5);
    expect(stage.upstream.connections).toBe(1);
  });

  it.each([
    { kind: 'cut-mid-stream', ending: 'last-chunk' },
    { kind: 'stall', afterEvents: 5 },
    { kind: 'flood', bytes: 64 << 20 },
  ] satisfies Behaviour[])('one whose answer was given up is not used again ($kind)', async (behaviour) => {
    await using stage = await stageFor(mount);
    stage.upstream.reply(behaviour);
    const response = await ask(stage, { ...BODY, stream: true });
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await stage.outcome(1);
    expect(await (await ask(stage)).json()).toMatchObject({ content: [{ text: 'You said: Hello' }] });
  });

  it('many at once are all answered', async () => {
    await using stage = await stageFor(mount, { pipeline: { transport: { connections: 8 } } });
    const texts = await Promise.all(
      Array.from({ length: 64 }, async (_, n) => {
        const asked = { ...BODY, stream: n % 2 === 0, messages: [{ role: 'user', content: `number ${n}.` }] };
        return (await ask(stage, asked)).text();
      }),
    );
    for (const [n, text] of texts.entries())
      expect(text).toContain(n % 2 === 0 ? 'message_stop' : `number ${n}.`);
    expect(stage.upstream.connections).toBeLessThanOrEqual(8);
    expect(stage.outcomes).toHaveLength(64);
  });
});

describe('an upstream that cannot be reached', () => {
  const outcomeOf = async (upstream: string, connectMs = 5_000): Promise<[Response, readonly Outcome[]]> => {
    const outcomes: Outcome[] = [];
    const witness = definePlugin({
      name: 'witness',
      create: () => ({
        handle(request, next, ctx) {
          ctx.onComplete((outcome) => void outcomes.push(outcome));
          return next(request);
        },
      }),
    });
    await using pipeline = createPipeline({
      upstream,
      plugins: [witness(), retry({ baseDelayMs: 0 })],
      timeouts: { connectMs },
    });
    const response = await pipeline.fetch('https://provider.invalid/v1/messages', {
      method: 'POST',
      body: JSON.stringify(BODY),
    });
    await response.text();
    return [response, outcomes];
  };

  it('because nobody listens', async () => {
    const upstream = await fakeUpstream();
    await upstream.close();
    const [response, outcomes] = await outcomeOf(upstream.url);
    expect([response.status, response.headers.get('x-should-retry')]).toEqual([502, 'false']);
    expect(outcomes).toMatchObject([
      { kind: 'upstream-error', attempts: 3, cause: { code: 'connect_failed' } },
    ]);
  });

  it('because its name is unknown', async () => {
    const [response, outcomes] = await outcomeOf('https://provider.invalid');
    expect(response.status).toBe(502);
    expect(outcomes).toMatchObject([{ kind: 'upstream-error', cause: { code: 'connect_failed' } }]);
  });

  it('because it does not speak TLS', async () => {
    await using upstream = await fakeUpstream();
    const [response, outcomes] = await outcomeOf(upstream.url.replace('http:', 'https:'));
    expect(response.status).toBe(502);
    expect(outcomes).toMatchObject([{ kind: 'upstream-error', attempts: 1, cause: { code: 'tls_failed' } }]);
    expect(upstream.requests).toHaveLength(0);
  });

  it('because its TLS handshake hangs', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const [response, outcomes] = await outcomeOf(`https://127.0.0.1:${port}`, 100);
    server.close();
    expect(response.status).toBe(504);
    expect(outcomes).toMatchObject([{ kind: 'timeout', attempts: 3, cause: { code: 'connect_timeout' } }]);
  });
});
