import { definePlugin, PRINCIPAL, PipelineError } from '@sluice/core';
import { anthropicMessage, anthropicStream, streamAnswer, testPipeline } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { inspector, inspectorHandle } from './index.ts';
import { slowSections } from './sections.ts';

const answer = (): Response =>
  new Response(anthropicMessage({ usage: { input_tokens: 7, output_tokens: 3 } }), {
    headers: { 'content-type': 'application/json' },
  });

/** Calls by tenants, models and endpoints that strangers invent; every third is refused. */
async function strangers(calls: number) {
  const handle = inspectorHandle();
  const invent = definePlugin({
    name: 'invent',
    create: () => {
      let n = 0;
      return {
        handle(request, next, ctx) {
          n++;
          ctx.state.set(PRINCIPAL, { id: 'x', tenant: `tenant-${n}-${'t'.repeat(500)}` });
          if (n % 3 === 0)
            return Promise.reject(new PipelineError('rate_limited', { plugin: `plugin-${n}` }));
          return next({ ...request, endpoint: { id: `endpoint-${n}`, region: 'r' } });
        },
      };
    },
  });
  const pipe = testPipeline({
    plugins: [inspector({ handle }), invent()],
    answers: Array.from({ length: calls }, () => answer),
  });
  for (let n = 0; n < calls; n++) {
    const model = `model-${n}-${'m'.repeat(500)}`;
    await (await pipe.post({ model })).text();
    if (n % 1_000 === 0) await pipe.clock.advance(1_000);
  }
  return { handle, pipe };
}

/** Everything that is kept, as text. */
function kept({ handle, pipe }: Awaited<ReturnType<typeof strangers>>): number {
  const { records } = handle;
  const now = pipe.clock.now();
  const rows = [records.tenants, records.endpoints, records.answers].map((table) => table.totals(now));
  return JSON.stringify([rows, records.problems.since(0), records.ended.since(0), records.live.view(now)])
    .length;
}

test('a hundred thousand calls by invented names are kept in as much memory as a thousand', async () => {
  const few = await strangers(1_000);
  const many = await strangers(100_000);
  expect(many.handle.records.totals).toMatchObject({
    served: 66_667,
    refused: 33_333,
    inputTokens: 7 * 66_667,
  });
  // Longer numbers in the names; nothing else.
  expect(kept(many) / kept(few)).toBeLessThan(1.1);
  const sections = JSON.stringify(
    slowSections(many.pipe.pipeline, many.handle.records, many.pipe.clock.now(), true),
  );
  expect(sections.length).toBeLessThan(60_000);
  expect(sections).not.toContain('m'.repeat(100));
}, 120_000);

test('a call counts with its tenant, its tokens, its endpoint and its times', async () => {
  const handle = inspectorHandle();
  const login = definePlugin({
    name: 'login',
    create: () => ({
      handle(request, next, ctx) {
        ctx.state.set(PRINCIPAL, { id: 'ann', tenant: 'acme' });
        return next({ ...request, endpoint: { id: 'eu', region: 'europe' } });
      },
    }),
  });
  const events = anthropicStream({ text: 'Hello', usage: { input_tokens: 7, output_tokens: 3 } });
  const waits: (() => void)[] = [];
  const later = (piece: string): Promise<string> => new Promise((done) => waits.push(() => done(piece)));
  await using pipe = testPipeline({
    plugins: [inspector({ handle }), login()],
    answers: [streamAnswer([later(events.slice(0, -1).join('')), later(events.slice(-1).join(''))])],
  });
  const call = pipe.post({ stream: true }).then((response) => response.text());
  await pipe.clock.advance(40);
  expect(handle.records.live.view(40)).toMatchObject([
    { phase: 'sent', endpoint: 'eu', tenant: 'acme', streamed: true, attempts: 1, ageMs: 40 },
  ]);
  waits[0]?.();
  await pipe.clock.advance(60);
  expect(handle.records.live.view(100)).toMatchObject([{ phase: 'answering' }]);
  waits[1]?.();
  await call;
  const { records } = handle;
  const now = pipe.clock.now();
  expect(records.tenants.totals(now)).toMatchObject([['acme', [1, 0, 0, 0, 0, 7, 3]]]);
  expect(records.endpoints.totals(now)).toMatchObject([['eu', [1, 0, 1, expect.any(Number)]]]);
  expect(records.answers.totals(now)).toEqual([['served', [1]]]);
  expect(records.firstEvent.view(now)).toMatchObject({ count: 1, bars: [{ fromMs: 32, toMs: 48 }] });
  expect(records.latency.view(now)).toMatchObject({ count: 1, bars: [{ fromMs: 96, toMs: 128 }] });
});
