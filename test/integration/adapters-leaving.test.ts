import { setImmediate as nextTurn } from 'node:timers/promises';
import { createPipeline, definePlugin, type Outcome, type Pipeline } from '@sluice/core';
import {
  type FakeUpstream,
  fakeUpstream,
  type RawConnection,
  rawConnection,
  rawRequest,
} from '@sluice/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet, standsStill } from './adapters-support.ts';
import { type Host, type HostOptions, type Hosted, HOSTS, NODE_HOSTS } from './mounts.ts';

const QUESTION = { model: 'claude-opus-5-5', max_tokens: 1024, messages: [{ role: 'user', content: 'Hi' }] };
const JSON_REQUEST = rawRequest({ body: QUESTION });
const STREAM_REQUEST = rawRequest({ body: { ...QUESTION, stream: true } });

const LEAVES: readonly (readonly [how: string, leave: (client: RawConnection) => void])[] = [
  ['by an orderly end', (client) => client.socket.end()],
  ['by closing', (client) => client.close()],
  ['by a reset', (client) => client.socket.resetAndDestroy()],
];

expectQuiet();

let upstream: FakeUpstream;
let pipeline: Pipeline;
let outcome: Promise<Outcome>;
let outcomes: Outcome[];
let hosted: Hosted | undefined;

beforeEach(async () => {
  outcomes = [];
  const ended = Promise.withResolvers<Outcome>();
  outcome = ended.promise;
  const recorder = definePlugin({
    name: 'recorder',
    create: () => ({
      handle: (request, next, ctx) => {
        ctx.onComplete((one) => {
          outcomes.push(one);
          ended.resolve(one);
        });
        return next(request);
      },
    }),
  });
  upstream = await fakeUpstream();
  pipeline = createPipeline({ upstream: upstream.url, plugins: [recorder()] });
});

afterEach(async () => {
  await hosted?.[Symbol.asyncDispose]();
  // Nothing is left of any call: closing has nothing to wait for.
  await pipeline.close(0);
  await upstream.close();
  expect(hosted?.errors).toEqual([]);
});

async function serve(host: Host, options?: HostOptions): Promise<Hosted> {
  hosted = await host.listen(pipeline, options);
  return hosted;
}

describe.each(HOSTS)('a client of $name', (host) => {
  describe.each(LEAVES)('that leaves %s', (_, leave) => {
    // One value of the milliseconds may be a pause of the machine's.
    const bounded = { retry: 2 };

    it.each([
      ['a JSON answer', JSON_REQUEST],
      ['a stream', STREAM_REQUEST],
    ])('while it waits for %s aborts the upstream within 100 ms', bounded, async (_, bytes) => {
      upstream.reply('stall; at=before-headers');
      const { url } = await serve(host);
      using client = await rawConnection(url);
      client.send(bytes);
      const request = await upstream.request(1);
      await expectAborted(client, leave, request.closed);
    });

    it('between headers and first event aborts the upstream within 100 ms', bounded, async () => {
      upstream.reply('stall; at=after-headers');
      const { url } = await serve(host);
      using client = await rawConnection(url);
      client.send(STREAM_REQUEST);
      const request = await upstream.request(1);
      // The headers are not held back until there is an event.
      await client.received((soFar) => soFar.includes('\r\n\r\n'));
      await expectAborted(client, leave, request.closed);
    });

    it('in the middle of a stream aborts the upstream within 100 ms', bounded, async () => {
      upstream.reply('stall; at=mid-stream');
      const { url } = await serve(host);
      using client = await rawConnection(url);
      client.send(STREAM_REQUEST);
      const request = await upstream.request(1);
      await client.received((soFar) => soFar.includes('text_delta'));
      await expectAborted(client, leave, request.closed);
    });

    it(
      'in the middle of a flood that it had stopped reading aborts the upstream within 100 ms',
      bounded,
      async () => {
        upstream.reply({ kind: 'flood', bytes: Infinity });
        const { url } = await serve(host);
        using client = await rawConnection(url);
        client.send(STREAM_REQUEST);
        const request = await upstream.request(1);
        await client.received((soFar) => soFar.includes('text_delta'));
        client.socket.pause();
        await standsStill(() => request.bytesWritten);
        // Only a reset tells a server that does not get its bytes off.
        await expectAborted(client, (one) => one.socket.resetAndDestroy(), request.closed);
      },
    );

    it('in the middle of its body is forgotten, and the upstream not asked', async () => {
      const requested = Promise.withResolvers<void>();
      const { url, server } = await serve(host, { before: () => requested.resolve() });
      using client = await rawConnection(url);
      client.send(JSON_REQUEST.slice(0, -10));
      await requested.promise;
      leave(client);
      await noConnections(server);
      expect(upstream.requests).toEqual([]);
      expect(outcomes).toEqual([]);
    });

    it('while the host application is busy is forgotten, and the upstream not asked', async () => {
      const requested = Promise.withResolvers<void>();
      const resumed = Promise.withResolvers<void>();
      const { url } = await serve(host, {
        before: async (_req, res) => {
          requested.resolve();
          await new Promise((resolve) => res.on('close', resolve));
          resumed.resolve();
        },
      });
      using client = await rawConnection(url);
      client.send(JSON_REQUEST);
      await requested.promise;
      leave(client);
      await resumed.promise;
      await nextTurn();
      expect(upstream.requests).toEqual([]);
      expect(outcomes).toEqual([]);
      // The mount had not been reached: Koa logs a reset as it always does.
      hosted?.errors.splice(0);
    });

    it('while it is identified is forgotten, and the upstream not asked', async () => {
      const asked = Promise.withResolvers<void>();
      const answered = Promise.withResolvers<undefined>();
      const gone = Promise.withResolvers<void>();
      const { url } = await serve(host, {
        before: (_req, res) => {
          res.on('close', gone.resolve);
        },
        identify: () => {
          asked.resolve();
          return answered.promise;
        },
      });
      using client = await rawConnection(url);
      client.send(JSON_REQUEST);
      await asked.promise;
      leave(client);
      await gone.promise;
      answered.resolve(undefined);
      await nextTurn();
      expect(upstream.requests).toEqual([]);
      expect(outcomes).toEqual([]);
    });
  });

  it('that leaves once it has seen the last event has had its answer', async () => {
    const { url } = await serve(host);
    using client = await rawConnection(url);
    client.send(STREAM_REQUEST);
    await client.received((soFar) => soFar.includes('message_stop'));
    client.socket.resetAndDestroy();
    expect(await outcome).toMatchObject({ kind: 'completed', status: 200 });
  });

  async function expectAborted(
    client: RawConnection,
    leave: (client: RawConnection) => void,
    closed: Promise<unknown>,
  ): Promise<void> {
    const left = performance.now();
    leave(client);
    expect(await closed).toBe('aborted');
    expect(performance.now() - left).toBeLessThan(100);
    expect(await outcome).toMatchObject({ kind: 'client-abort', attempts: 1 });
    expect(outcomes).toHaveLength(1);
  }
});

describe.each(NODE_HOSTS)('a client of $name', (host) => {
  it.each(LEAVES)('that leaves %s takes its pipelined requests along', async (_, leave) => {
    // More than Node lets listen to one socket without a warning.
    const count = 12;
    upstream.script((_, n) => (n < count ? 'stall; at=mid-stream' : 'stall; at=before-headers'));
    const { url } = await serve(host);
    using client = await rawConnection(url);
    client.send(STREAM_REQUEST.repeat(count));
    const requests = await Promise.all(
      Array.from({ length: count }, (_each, at) => upstream.request(at + 1)),
    );
    await client.received((soFar) => soFar.includes('text_delta'));
    leave(client);
    expect(await Promise.all(requests.map(({ closed }) => closed))).toEqual(Array(count).fill('aborted'));
    await pipeline.drain();
    expect(outcomes.map(({ kind }) => kind)).toEqual(Array(count).fill('client-abort'));
  });
});

async function noConnections(server: Hosted['server']): Promise<void> {
  const count = (): Promise<number> =>
    new Promise((resolve) => {
      server.getConnections((_, connections) => {
        resolve(connections);
      });
    });
  while ((await count()) > 0) await nextTurn();
}
