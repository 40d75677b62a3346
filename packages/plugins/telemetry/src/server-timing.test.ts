import { definePlugin } from '@sluice/core';
import { anthropicMessage, anthropicStream, streamAnswer, testPipeline } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { telemetry } from './index.ts';

const answer = (): Response =>
  new Response(anthropicMessage({ text: 'Hello' }), { headers: { 'content-type': 'application/json' } });

test('by option the answer says where the time went until its headers', async () => {
  const queued = definePlugin({
    name: 'queued',
    create: () => ({
      async handle(request, next) {
        await pipe.clock.advance(20);
        const first = await next(request);
        await first.text();
        return next(request);
      },
    }),
  });
  const after = (ms: number, response: () => Response) => async () => {
    await pipe.clock.advance(ms);
    return response();
  };
  await using pipe = testPipeline({
    plugins: [telemetry({ serverTiming: true }), queued()],
    answers: [after(100, () => new Response('{}', { status: 529 })), after(250.25, answer)],
  });
  const response = await pipe.post();
  expect(response.headers.get('server-timing')).toBe(
    'queue;dur=20, attempt-1;dur=100;desc="529", attempt-2;dur=250.3;desc="200", total;dur=370.3',
  );
  expect(await response.text()).toContain('Hello');
});

test('a stream has it too, and loses nothing', async () => {
  const events = anthropicStream({ text: 'One two three' });
  await using pipe = testPipeline({
    plugins: [telemetry({ serverTiming: true })],
    answers: [streamAnswer(events)],
  });
  const response = await pipe.post({ stream: true });
  expect(response.headers.get('server-timing')).toBe('queue;dur=0, attempt-1;dur=0;desc="200", total;dur=0');
  expect(await response.text()).toBe(events.join(''));
});

test('what the upstream says of itself stays', async () => {
  const theirs = (): Response => {
    const response = answer();
    response.headers.set('server-timing', 'gpu;dur=3');
    return response;
  };
  await using pipe = testPipeline({ plugins: [telemetry({ serverTiming: true })], answers: [theirs] });
  const response = await pipe.post();
  expect(response.headers.get('server-timing')).toMatch(/^gpu;dur=3, queue;/);
});

test('without the option there is none', async () => {
  await using pipe = testPipeline({ plugins: [telemetry()], answers: [answer] });
  expect((await pipe.post()).headers.get('server-timing')).toBeNull();
});
