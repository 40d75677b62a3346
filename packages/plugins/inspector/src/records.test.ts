import {
  type Context,
  definePlugin,
  PipelineError,
  PRINCIPAL,
  type State,
  type StateKey,
} from '@sluice/core';
import { anthropicStream, streamAnswer, testPipeline } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { inspector, inspectorHandle } from './index.ts';
import { Records } from './records.ts';
import { slowSections } from './sections.ts';

const ATTEMPT = {
  status: 200,
  error: undefined,
  firstContentMs: 9,
  durationMs: 30,
  disposition: undefined,
  usage: undefined,
};

/** What is kept of so many calls by tenants, of models and at endpoints that strangers invent; every third is refused. */
function keptOf(calls: number): { readonly records: Records; readonly bytes: number } {
  const records = new Records();
  for (let n = 0; n < calls; n++) {
    const now = n * 10;
    const refused = n % 3 === 2;
    const id = `${String(n).padStart(6, '0')}-${'x'.repeat(500)}`;
    const history = refused ? [] : [{ ...ATTEMPT, endpoint: { id: id.slice(0, 20) }, startedAt: now }];
    const state: State = {
      get: <T>(key: StateKey<T>) => (key === PRINCIPAL ? ({ id } as T) : undefined),
      set() {},
    };
    const call = records.began(
      { state, history, model: id, attempts: 1, streamed: true } as unknown as Context,
      now,
    );
    const kind = refused ? 'refused' : 'completed';
    const cause = refused ? new PipelineError('rate_limited', { plugin: `plugin-${id}` }) : undefined;
    const usage = { inputTokens: 7, outputTokens: 3 };
    records.finished(
      call,
      { kind, status: 200, attempts: 1, history, usage, cause, durationMs: 40 },
      now,
      now,
    );
  }
  const now = calls * 10;
  const rows = [records.tenants, records.endpoints, records.answers].map((table) => table.totals(now));
  const kept = [rows, records.problems.since(0), records.ended.since(0), records.live.view(now)];
  return { records, bytes: JSON.stringify(kept).length };
}

test('a hundred thousand calls by invented names are kept in as much memory as a thousand', () => {
  const few = keptOf(1_000);
  const { records, bytes } = keptOf(100_000);
  expect(records.totals).toMatchObject({ served: 66_667, refused: 33_333, inputTokens: 700_000 });
  expect(records.live.size).toBe(0);
  expect(bytes / few.bytes).toBeLessThan(1.05);
  const { pipeline } = testPipeline();
  const sections = JSON.stringify(slowSections(pipeline, records, 1_000_000, true));
  expect(sections.length).toBeLessThan(100_000);
  expect(sections.includes('x'.repeat(100))).toBe(false);
});

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
