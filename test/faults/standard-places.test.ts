import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fakeUpstream, tcpServer } from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import { MOUNTS } from '../support/mounts.ts';
import { expectEnding } from './expect-ending.ts';
import { ANSWERED, type Expected, refusedWith } from './fault.ts';
import { nothingIsLeft } from './nothing-is-left.ts';
import { seeBySocket } from './see.ts';
import { wholeStage, type WholeOptions } from './whole-stage.ts';

const NODE = MOUNTS.find(({ name }) => name === 'node:http') ?? expect.fail('no mount for node:http');
const CONNECT_MS = 250;

const uncaught = nothingIsLeft();

interface Place extends AsyncDisposable {
  readonly url: string;
}

const nowhere = (url: string): Place => ({ url, [Symbol.asyncDispose]: () => Promise.resolve() });

async function refusing(): Promise<Place> {
  const upstream = await fakeUpstream();
  await upstream.close();
  return nowhere(upstream.url);
}

/** Accepts nothing and refuses nothing: its queue of connections is full, and SYNs are dropped. */
async function blackHole(): Promise<Place> {
  const child = fork(new URL('black-hole.ts', import.meta.url), { execArgv: [] });
  const [port] = (await once(child, 'message')) as [number];
  const fillers = Array.from({ length: 4 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
  // The first that is not taken tells that the queue is full; it goes on trying, for nothing.
  await once(fillers[1] ?? expect.fail(), 'connect');
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const filler of fillers) filler.destroy();
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Answers a TLS handshake with something else, or never. */
async function tls(answer: string): Promise<Place> {
  const server = await tcpServer((socket) => {
    if (answer !== '') socket.end(answer);
  });
  return {
    url: `https://127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const PLACES: readonly {
  readonly name: string;
  readonly place: () => Promise<Place>;
  readonly expected: Expected;
  /** Attempts when there is no other place. */
  readonly attempts: number;
}[] = [
  {
    name: 'F-01 refuses connections',
    place: refusing,
    expected: refusedWith(502, 'connect_failed'),
    attempts: 3,
  },
  {
    name: 'F-02 drops what would connect',
    place: blackHole,
    expected: refusedWith(504, 'connect_timeout'),
    attempts: 3,
  },
  {
    name: 'F-03 has a name that nobody knows',
    place: async () => nowhere('https://name.invalid'),
    expected: refusedWith(502, 'connect_failed'),
    attempts: 3,
  },
  {
    name: 'F-04 speaks no TLS',
    place: () => tls('HTTP/1.1 200 OK\r\n\r\n'),
    expected: refusedWith(502, 'tls_failed'),
    attempts: 1,
  },
  {
    name: 'F-05 never ends the handshake',
    place: () => tls(''),
    expected: refusedWith(504, 'connect_timeout'),
    attempts: 3,
  },
];

describe.each(PLACES)('a region that $name', ({ place, expected, attempts }) => {
  const ask = async (stream: boolean, endpoints: (url: string, well: string) => readonly string[]) => {
    await using well = await fakeUpstream();
    await using ill = await place();
    const options: WholeOptions = {
      endpoints: endpoints(ill.url, well.url).map((url, n) => ({ id: `e${n}`, region: `r${n}`, url })),
      timeouts: { connectMs: CONNECT_MS },
    };
    await using stage = await wholeStage(NODE, options);
    const body = { model: 'm', max_tokens: 9, stream, messages: [{ role: 'user', content: 'Hello' }] };
    const seen = await seeBySocket(stage, body, stage.keys.acme);
    const [outcome] = stage.outcomes;
    await stage.expectInOrder(1);
    expect(uncaught).toEqual([]);
    return { seen, outcome };
  };

  test.each([true, false])('is left for another one (streamed: %s)', async (stream) => {
    const { seen, outcome } = await ask(stream, (ill, well) => [ill, well]);
    expectEnding(seen, ANSWERED, stream);
    expect(outcome?.history.map(({ endpoint }) => endpoint?.id)).toEqual(['e0', 'e1']);
  });

  test.each([true, false])('alone is an error that says so (streamed: %s)', async (stream) => {
    const { seen, outcome } = await ask(stream, (ill) => [ill]);
    expectEnding(seen, expected, stream);
    expect(outcome).toMatchObject({ kind: expected.outcome, attempts, cause: { code: expected.code } });
  });
});

test.each([true, false])(
  'F-28 a border is not crossed when the region behind it is down (streamed: %s)',
  async (stream) => {
    await using stage = await wholeStage(NODE, {
      regionRouting: { strategy: 'priority', allowedRegions: ['eu'] },
      circuitBreaker: { consecutiveFailures: 3 },
    });
    stage.eu.script(() => 'reset-before-headers');
    const body = { model: 'm', max_tokens: 9, stream, messages: [] };
    expectEnding(
      await seeBySocket(stage, body, stage.keys.acme),
      refusedWith(502, 'connection_lost'),
      stream,
    );
    const refused = await seeBySocket(stage, body, stage.keys.acme);
    expect(refused.status).toBe(503);
    expect(stage.outcomes[1]).toMatchObject({ kind: 'refused', attempts: 0 });
    expect(stage.us.requests).toEqual([]);
    await stage.expectInOrder(2);
    const records = (await stage.audit.records()).filter(({ type }) => type === 'outcome');
    expect(JSON.stringify(records)).not.toContain('"us"');
  },
);
