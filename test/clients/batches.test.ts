// Batches that the provider runs, made and fetched through a mount by the official SDKs; and batches that we run, through a
// pipeline with retry.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import Anthropic from '@anthropic-ai/sdk';
import { batch, type BatchProgress } from '@sluice/batch';
import { createPipeline } from '@sluice/core';
import { fakeUpstream } from '@sluice/core/testing';
import { retry } from '@sluice/retry';
import { toFile } from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MOUNTS } from '../support/mounts.ts';
import { type Stage, stageFor } from '../support/stage.ts';
import * as anthropic from './anthropic-client.ts';
import * as openai from './openai-client.ts';

const IDS = ['one', 'two', 'three'];

describe.each(MOUNTS)('batches through $name', (mount) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await stageFor(mount, { pipeline: { plugins: [retry({ baseDelayMs: 0 })] } });
  });
  beforeEach(() => {
    stage.upstream.reset();
  });
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  });

  it('of Anthropic: made, listed, found, fetched line by line, canceled, deleted', async () => {
    const { batches } = anthropic.clientOf(stage).messages;
    const requests = IDS.map((custom_id) => ({ custom_id, params: anthropic.QUESTION }));
    const made = await batches.create({ requests });
    expect(made).toMatchObject({ type: 'message_batch', request_counts: { succeeded: 3 } });
    expect(stage.upstream.requests[0]?.text()).toBe(JSON.stringify({ requests }));
    const listed: string[] = [];
    for await (const { id } of batches.list({ limit: 20 })) listed.push(id);
    expect(listed).toEqual([made.id]);
    expect(await batches.retrieve(made.id)).toEqual(made);

    const client = anthropic.clientOf(stage);
    const answer = await client.get<Response>(`/v1/messages/batches/${made.id}/results`, {
      __binaryResponse: true,
    });
    const lines = (await answer.text()).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject(
      IDS.map((custom_id) => ({
        custom_id,
        result: { type: 'succeeded', message: { content: [{ text: anthropic.ANSWER }] } },
      })),
    );
    expect(answer.headers.get('content-type')).toBe('application/x-jsonl');
    for (const { headers } of stage.upstream.requests)
      expect(headers['authorization']).toBe('Bearer sk-ant-caller');

    expect(await batches.cancel(made.id)).toMatchObject({ id: made.id });
    expect(await batches.delete(made.id)).toMatchObject({ type: 'message_batch_deleted' });
    await expect(batches.retrieve(made.id)).rejects.toBeInstanceOf(Anthropic.NotFoundError);
  });

  it('of Anthropic: one that may have been made is not made a second time', async () => {
    const { batches } = anthropic.clientOf(stage).messages;
    stage.upstream.reply('status; status=500');
    const requests = [{ custom_id: 'one', params: anthropic.QUESTION }];
    await expect(batches.create({ requests })).rejects.toBeInstanceOf(Anthropic.InternalServerError);
    expect(stage.upstream.requests).toHaveLength(1);
  });

  it('of OpenAI: uploaded, made, listed, found, canceled, its results downloaded', async () => {
    const client = openai.clientOf(stage);
    const input = IDS.map((custom_id) =>
      JSON.stringify({ custom_id, method: 'POST', url: '/v1/chat/completions', body: openai.QUESTION }),
    ).join('\n');
    const { id: input_file_id } = await client.files.create({
      file: await toFile(Buffer.from(input), 'in.jsonl'),
      purpose: 'batch',
    });
    const made = await client.batches.create({
      input_file_id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
      metadata: { job: '夜间' },
    });
    expect(made).toMatchObject({ object: 'batch', status: 'completed', metadata: { job: '夜间' } });
    const listed: string[] = [];
    for await (const { id } of client.batches.list({ limit: 20 })) listed.push(id);
    expect(listed).toEqual([made.id]);
    expect(await client.batches.retrieve(made.id)).toEqual(made);
    expect(await client.batches.cancel(made.id)).toMatchObject({ id: made.id });
    const output = await (await client.files.content(made.output_file_id ?? '')).text();
    expect(
      output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject(
      IDS.map((custom_id) => ({
        custom_id,
        response: { body: { choices: [{ message: { content: openai.ANSWER } }] } },
      })),
    );
  });
});

it('a batch of ours goes through retry: what fails for a moment succeeds, what fails for good is told', async () => {
  await using upstream = await fakeUpstream();
  await using pipeline = createPipeline({
    upstream: upstream.url,
    plugins: [retry({ baseDelayMs: 0, throttledDelayMs: 0, budgetReserve: 1_000 })],
  });
  const requests = Array.from({ length: 60 }, (_, n) => ({
    customId: `n${n}`,
    params: { ...anthropic.QUESTION, messages: [{ role: 'user', content: `number ${n}.` }] },
    square: n * n,
  }));
  const tries = new Map<string, number>();
  upstream.script((request) => {
    const [text = '', n = ''] = /number (\d+)\./.exec(request.text()) ?? [];
    const tried = (tries.get(text) ?? 0) + 1;
    tries.set(text, tried);
    if (Number(n) % 10 === 7) return 'status; status=400';
    // Of ten one is throttled and one is cut, once.
    if (tried === 1 && Number(n) % 10 === 3) return 'status; status=529';
    if (tried === 1 && Number(n) % 10 === 5) return 'truncate';
    return undefined;
  });
  let progress: BatchProgress | undefined;
  let n = 0;
  const options = {
    concurrency: 6,
    ordered: true,
    onProgress: (now: BatchProgress) => void (progress = now),
  };
  for await (const { customId, request, result } of batch(pipeline, requests, options)) {
    expect([customId, request.square]).toEqual([`n${n}`, n * n]);
    if (n % 10 === 7) expect(result).toMatchObject({ type: 'errored', status: 400, attempts: 1 });
    else
      expect(result).toMatchObject({
        type: 'succeeded',
        message: { content: [{ text: `You said: number ${n}.` }] },
        attempts: n % 10 === 3 || n % 10 === 5 ? 2 : 1,
      });
    n++;
  }
  expect(n).toBe(60);
  expect(progress).toMatchObject({ total: 60, succeeded: 54, errored: 6, inFlight: 0 });
  expect(upstream.requests).toHaveLength(72);
});

it('sluice-batch takes a pipeline with plugins, and does not end while all its calls wait for a limit', async () => {
  await using upstream = await fakeUpstream();
  const program = fileURLToPath(import.meta.resolve('../../packages/batch/src/cli/sluice-batch.ts'));
  const config = fileURLToPath(import.meta.resolve('./batches-pipeline.ts'));
  const ended = new Promise<{ readonly code: unknown; readonly out: string }>((resolve) => {
    const env = { ...process.env, UPSTREAM: upstream.url };
    const child = execFile(process.execPath, [program, '--config', config], { env }, (error, out) => {
      resolve({ code: error === null ? 0 : error.code, out });
    });
    const lines = IDS.map((custom_id) => `${JSON.stringify({ custom_id, params: anthropic.QUESTION })}\n`);
    child.stdin?.end(lines.join(''));
  });
  const { code, out } = await ended;
  expect(code).toBe(0);
  expect(out.match(/"succeeded"/g)).toHaveLength(3);
});
