import { rawConnection, rawRequest } from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import { ABORT_MS, abortDelay } from '../support/abort-delay.ts';
import { MOUNTS } from '../support/mounts.ts';
import { nothingIsLeft } from './nothing-is-left.ts';
import { type WholeStage, wholeStage } from './whole-stage.ts';

const SERVED = MOUNTS.filter(({ name }) =>
  ['node:http', 'Express 5', 'Koa 3', 'a web server'].includes(name),
);

const uncaught = nothingIsLeft();

/** Where a call can be when its client leaves, as F-44 names them. */
const PLACES = [
  { name: '(c) waits for a stream', stream: true, stall: { at: 'before-headers' }, until: undefined },
  { name: '(c) waits for an answer', stream: false, stall: { at: 'before-headers' }, until: undefined },
  { name: '(d) has a head and no event', stream: true, stall: { at: 'after-headers' }, until: undefined },
  { name: '(e) is in the middle of a stream', stream: true, stall: { afterEvents: 6 }, until: 'text_delta' },
  { name: '(e) is in the middle of an answer', stream: false, stall: { afterEvents: 2 }, until: undefined },
] as const;

const body = (stream: boolean, text = 'Hello to all of you out there.'): object => ({
  model: 'm',
  max_tokens: 9,
  stream,
  messages: [{ role: 'user', content: text }],
});
const headersOf = ({ keys }: WholeStage): Record<string, string> => ({
  'content-type': 'application/json',
  'x-api-key': keys.acme,
});

describe.each(SERVED)('F-44: a client of the standard pipeline behind $name', (mount) => {
  test.each(PLACES)('that $name and leaves takes its call along', async ({ stream, stall, until }) => {
    await using stage = await wholeStage(mount);
    let calls = 0;
    const delay = await abortDelay(async () => {
      stage.eu.reply({ kind: 'stall', ...stall });
      const asked = stage.eu.request();
      const client = await rawConnection(stage.baseUrl);
      calls++;
      client.send(
        rawRequest({ headers: headersOf(stage), body: body(stream, `Call ${calls}, for all out there.`) }),
      );
      const request = await asked;
      if (until !== undefined) await client.received((soFar) => soFar.includes(until));
      return { request, leave: () => client.close() };
    });
    expect(delay).toBeLessThan(ABORT_MS);
    await stage.expectInOrder(calls);
    expect(stage.outcomes.map(({ kind }) => kind)).toEqual(Array(calls).fill('client-abort'));
    expect(stage.us.requests).toEqual([]);
    expect(uncaught).toEqual([]);
  });

  test('that leaves (a) before its key is known or (b) in its body asks nothing of the upstream', async () => {
    await using stage = await wholeStage(mount);
    for (const bytes of [
      rawRequest({ headers: { 'content-length': '1000', ...headersOf(stage) } }),
      'POST /v1/m',
    ]) {
      const client = await rawConnection(stage.baseUrl);
      client.send(bytes);
      client.close();
      await client.ended;
    }
    using other = await rawConnection(stage.baseUrl);
    other.send(rawRequest({ headers: { ...headersOf(stage), connection: 'close' }, body: body(false) }));
    expect(String(await other.received())).toContain('end_turn');
    expect(stage.eu.requests).toHaveLength(1);
    // What never was a whole request is no call.
    await stage.expectInOrder(1);
  });

  test('that leaves (f) after the last event has had its answer', async () => {
    await using stage = await wholeStage(mount);
    const client = await rawConnection(stage.baseUrl);
    client.send(rawRequest({ headers: headersOf(stage), body: body(true) }));
    await client.received((soFar) => soFar.includes('message_stop'));
    client.close();
    await stage.expectInOrder(1);
    expect(stage.outcomes).toMatchObject([{ kind: 'completed', status: 200 }]);
  });
});
