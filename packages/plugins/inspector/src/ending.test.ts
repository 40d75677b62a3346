import {
  CACHE_STATUS,
  definePlugin,
  type Middleware,
  type Plugin,
  PipelineError,
  VERDICTS,
} from '@sluice/core';
import { anthropicMessage, errorBody, type ScriptedAnswer, testPipeline } from '@sluice/core/testing';
import { expect, test, vi } from 'vitest';
import { inspector, inspectorHandle } from './index.ts';
import type { Ended, Problem } from './records.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const good = (): Response => new Response(anthropicMessage(), { headers: JSON_TYPE });
const bad = (): Response =>
  new Response(errorBody('anthropic-messages', 529), { status: 529, headers: JSON_TYPE });
const plugin = (name: string, handle: Middleware): Plugin =>
  definePlugin({ name, create: () => ({ handle }) })();

/** How a call of a pipeline with one more plugin ended, as the inspector sees it. */
async function ended(
  answers: ScriptedAnswer[],
  ...plugins: Plugin[]
): Promise<[Ended | undefined, Problem | undefined]> {
  const handle = inspectorHandle();
  await using pipe = testPipeline({ plugins: [inspector({ handle }), ...plugins], answers });
  await (await pipe.post()).text();
  return [handle.records.ended.since(0).at(-1), handle.records.problems.since(0).at(-1)];
}

const routed = plugin('routing', (request, next) =>
  next({ ...request, endpoint: { id: 'eu', region: 'europe' } }),
);

test('an upstream answers, with or without routing', async () => {
  expect(await ended([good])).toMatchObject([{ kind: 'served', endpoint: '' }, undefined]);
  expect(await ended([good], routed)).toMatchObject([{ kind: 'served', endpoint: 'eu' }, undefined]);
});

test('an upstream fails', async () => {
  const failed = { kind: 'failed', endpoint: 'eu', code: 'HTTP 529', status: 529, region: 'europe' };
  expect(await ended([bad], routed)).toMatchObject([{ kind: 'failed', plugin: undefined }, failed]);
  const lost = await ended([new PipelineError('connect_failed')], routed);
  expect(lost[1]).toMatchObject({ kind: 'failed', code: 'connect_failed', status: 502 });
});

test('a plugin refuses', async () => {
  const limit = plugin('limit', () => Promise.reject(new PipelineError('rate_limited', { plugin: 'limit' })));
  expect(await ended([], limit)).toMatchObject([
    { kind: 'refused', plugin: 'limit', endpoint: undefined },
    { code: 'rate_limited', status: 429 },
  ]);
});

test('a plugin blocks, whatever the status of its answer and whoever was asked before', async () => {
  const moderation = plugin('words', async (request, next, ctx) => {
    const answer = await next(request);
    ctx.state.set(VERDICTS, [{ plugin: 'words', rule: 'list-3', action: 'blocked' }]);
    return answer;
  });
  expect(await ended([good], moderation)).toMatchObject([
    { kind: 'refused', plugin: 'words' },
    { kind: 'refused', code: 'list-3', status: 200 },
  ]);
});

test.each(['hit', 'stale', 'collapsed'] as const)('the cache answers: %s', async (status) => {
  const cache = plugin('cache', (_request, _next, ctx) => {
    ctx.state.set(CACHE_STATUS, status);
    return Promise.resolve(good());
  });
  expect(await ended([], cache)).toMatchObject([{ kind: 'cached', plugin: 'cache' }, undefined]);
});

test('a plugin that breaks has refused nothing', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const broken = plugin('broken', () => Promise.reject(new Error('canary')));
  const [end, problem] = await ended([], broken);
  expect(end).toMatchObject({ kind: 'failed', plugin: 'broken' });
  expect(problem).toMatchObject({ code: 'plugin_failed', status: 500 });
  expect(JSON.stringify(problem)).not.toContain('canary');
  warned.mockRestore();
});

test('a caller who leaves is no problem', async () => {
  const handle = inspectorHandle();
  const leaving = new AbortController();
  await using pipe = testPipeline({
    plugins: [inspector({ handle })],
    answers: [() => new Promise(() => undefined)],
  });
  const call = pipe.post({}, { signal: leaving.signal });
  await pipe.clock.advance(5);
  expect(handle.records.live.view(5)).toMatchObject([{ phase: 'sent', endpoint: '', ageMs: 5 }]);
  leaving.abort();
  await expect(call).rejects.toThrow();
  expect(handle.records.ended.since(0)).toMatchObject([{ kind: 'left' }]);
  expect(handle.records.problems.count).toBe(0);
  expect(handle.records.live.size).toBe(0);
});
