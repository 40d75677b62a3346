import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createPipeline,
  definePlugin,
  type Plugin,
  PipelineError,
  PRINCIPAL,
  provide,
  VERDICTS,
} from '@sluice/core';
import { anthropicStream, streamAnswer } from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import {
  auditFolder,
  type AuditFolder,
  auditPipeline,
  type AuditRecord,
} from '../../../../test/support/audit.ts';
import {
  AUDIT_SINKS,
  audit,
  type AuditOptions,
  type Direction,
  functionSink,
  matchContent,
  openContent,
  type Sealed,
  verifyLog,
} from './index.ts';

const intents = (records: readonly AuditRecord[]): AuditRecord[] =>
  records.filter(({ type }) => type === 'intent');
const outcomes = (records: readonly AuditRecord[]): AuditRecord[] =>
  records.filter(({ type }) => type === 'outcome');

/** Stands for an identity plugin: it is further in, so that the intent does not know the caller yet. */
const identity = (id: string, tenant: string): Plugin =>
  definePlugin({
    name: 'identity',
    create: () => ({
      handle: (request, next, ctx) => {
        ctx.state.set(PRINCIPAL, { id, tenant });
        return next(request);
      },
    }),
  })();

test('a pipeline with the plugin, as the README shows it', async () => {
  await using folder = await auditFolder();
  const { directory } = folder;
  const signingKey = generateKeyPairSync('ed25519').privateKey;
  const putElsewhere = async (_note: string): Promise<void> => undefined;
  // #region use
  const pipeline = createPipeline({
    upstream: 'https://api.anthropic.com',
    plugins: [
      audit({
        directory,
        durability: 'sync',
        checkpoints: { signingKey, publish: (note) => putElsewhere(note) },
      }),
    ],
  });
  // #endregion use
  await pipeline.start();
  expect(JSON.stringify(pipeline.describe())).not.toContain('PRIVATE');
  await pipeline.close();
  expect((await verifyLog(folder)).state).toBe('intact');
});

describe('two records of a call', () => {
  test('say who, when, what, where to, how it went and what it cost', async () => {
    await using folder = await auditFolder();
    {
      await using pipe = auditPipeline(
        folder,
        {
          headers: ['user-agent'],
          annotate: ({ usage }) => ({ costUsd: (usage?.outputTokens ?? 0) / 1000, label: 'L1' }),
        },
        { plugins: [identity('alice', 'acme')] },
      );
      await (
        await pipe.post({}, { headers: { 'user-agent': 'sdk/1', 'x-api-key': 'sk-ant-canary' } })
      ).text();
    }
    const records = await folder.records();
    expect(records.map(({ type }) => type)).toEqual([
      'start',
      'salts',
      'intent',
      'outcome',
      'stop',
      'checkpoint',
    ]);
    const [intent] = intents(records);
    const [outcome] = outcomes(records);
    expect(intent).toMatchObject({
      time: '2026-01-01T00:00:00.000Z',
      monotonicMs: 0,
      method: 'POST',
      path: '/v1/messages',
      format: 'anthropic-messages',
      model: 'any',
      headers: { 'user-agent': 'sdk/1' },
    });
    expect(outcome).toMatchObject({
      call: intent?.['call'],
      outcome: 'completed',
      status: 200,
      principal: 'alice',
      tenant: 'acme',
      model: 'any',
      attempts: [{ atMs: 0, status: 200, retry: 'no', health: 'success' }],
      usage: { inputTokens: 12, outputTokens: 2 },
      notes: { costUsd: 0.002, label: 'L1' },
    });
    expect(await folder.text()).not.toContain('canary');
  });

  test('are readable whatever `annotate` adds: what is no text, number or boolean is left out', async () => {
    await using folder = await auditFolder();
    const notes: Record<string, unknown> = {
      a: 'text',
      b: 1.5,
      c: false,
      d: undefined,
      e: Symbol('e'),
      f: () => 1,
      g: NaN,
      h: 1n,
      i: { j: 1 },
      k: null,
    };
    {
      await using pipe = auditPipeline(folder, { annotate: () => notes as Record<string, string> });
      await (await pipe.post()).text();
    }
    expect(outcomes(await folder.records())).toMatchObject([{ notes: { a: 'text', b: 1.5, c: false } }]);
    expect((await folder.text()).match(/"notes":[^}]*/g)).toEqual(['"notes":{"a":"text","b":1.5,"c":false']);
  });

  test('are written for refusals of other plugins, with the rule', async () => {
    await using folder = await auditFolder();
    const moderation = definePlugin({
      name: 'moderation',
      create: () => ({
        handle: (_request, _next, ctx) => {
          ctx.state.set(VERDICTS, [{ plugin: 'moderation', rule: 'word-7', action: 'blocked' }]);
          throw new PipelineError('content_blocked', { plugin: 'moderation' });
        },
      }),
    });
    {
      await using pipe = auditPipeline(folder, {}, { plugins: [moderation()] });
      expect((await pipe.post()).status).toBe(400);
    }
    expect(outcomes(await folder.records())).toMatchObject([
      {
        outcome: 'refused',
        status: 400,
        cause: { code: 'content_blocked', plugin: 'moderation' },
        verdicts: [{ plugin: 'moderation', rule: 'word-7', action: 'blocked' }],
      },
    ]);
  });

  test('with `sync`, the first one is on the disk before anything is sent', async () => {
    await using folder = await auditFolder();
    let found: AuditRecord[] = [];
    {
      await using pipe = auditPipeline(
        folder,
        { durability: 'sync' },
        {
          answers: [
            async () => {
              found = await folder.records();
              return Response.json({});
            },
          ],
        },
      );
      await (await pipe.post()).text();
    }
    expect(found.map(({ type }) => type)).toEqual(['start', 'salts', 'intent']);
  });

  test('a log that cannot be written refuses calls before they are sent', async () => {
    await using folder = await auditFolder();
    let broken = false;
    await using pipe = auditPipeline(
      folder,
      { durability: 'sync', onOverflow: 'shed', onAlert: () => undefined },
      {
        services: [
          provide(AUDIT_SINKS, () => () => [
            {
              name: 'test',
              write: async () => {
                if (broken) throw new Error('broken');
              },
            },
          ]),
        ],
      },
    );
    await (await pipe.post()).text();
    broken = true;
    const refused = await pipe.post();
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.text()).not.toContain('broken');
    expect(pipe.transport.requests).toHaveLength(1);
    expect(pipe.outcomes.at(-1)).toMatchObject({
      kind: 'refused',
      cause: { code: 'overloaded', plugin: 'audit' },
    });
    broken = false;
    await pipe.clock.advance(1_000);
  });
});

test.each([
  ['throws', () => fail()],
  ['rejects', async () => fail()],
])('an onAlert that %s costs no record, no call and not the process', async (_, onAlert) => {
  await using folder = await auditFolder();
  const warnings: string[] = [];
  const collect = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', collect);
  const seqs: number[] = [];
  let failures = 0;
  const sink = functionSink(({ lines, first }) => {
    if (first > 0 && failures-- > 0) throw new Error('not now');
    seqs.push(...lines.map((_line, index) => first + index));
  });
  {
    await using pipe = auditPipeline(
      folder,
      {
        durability: 'sync',
        onOverflow: 'shed',
        checkpoints: {
          signingKey: generateKeyPairSync('ed25519').privateKey,
          everyRecords: 1,
          publish: fail,
        },
        onAlert,
      },
      { services: [provide(AUDIT_SINKS, () => () => [sink])] },
    );
    await (await pipe.post()).text();
    failures = 2;
    const statuses = [(await pipe.post()).status, (await pipe.post()).status];
    expect(statuses).toEqual([503, 503]);
    await pipe.clock.advance(1_000);
    const admitted = await pipe.post();
    await admitted.text();
    expect(admitted.status).toBe(200);
  }
  process.off('warning', collect);
  expect(seqs.length).toBeGreaterThan(5);
  expect(seqs).toEqual(seqs.map((_seq, index) => index));
  expect(new Set(warnings)).toEqual(new Set(['onAlert of audit threw: logger is down']));
  // write-failed, write-resumed, gap, publish-failed at the least.
  expect(warnings.length).toBeGreaterThan(3);
});

function fail(): never {
  throw new Error('logger is down');
}

describe('digests', () => {
  test('are of the request as it came and of the stream as it went, and nothing is written for each call', async () => {
    await using folder = await auditFolder();
    const text = anthropicStream({ text: 'one two three '.repeat(2_000) }).join('');
    const body = JSON.stringify({ model: 'm', stream: true, max_tokens: 5, messages: [] });
    {
      const pieces = text.match(/[^]{1,7}/g) ?? [];
      await using pipe = auditPipeline(folder, {}, { answers: [streamAnswer(pieces)] });
      expect(await (await pipe.post({}, { body })).text()).toBe(text);
    }
    const records = await folder.records();
    expect(intents(records)[0]?.['request']).toMatchObject({ bytes: body.length });
    expect(outcomes(records)[0]?.['response']).toMatchObject({ bytes: Buffer.byteLength(text) });
    const is = (seq: number, direction: Direction, of: string): Promise<string> =>
      matchContent({ ...folder, seq, direction, bytes: Buffer.from(of) });
    expect(await is(2, 'request', body)).toBe('same');
    expect(await is(3, 'response', text)).toBe('same');
    expect(await is(2, 'request', `${body} `)).toBe('other');
    expect(await is(3, 'response', text.replace('two', 'too'))).toBe('other');
    await expect(is(2, 'response', text)).rejects.toThrow('record 2 has no digest of a response');
    await expect(is(99, 'response', text)).rejects.toThrow('record 99 is not in the log');
    expect((await readdir(folder.directory)).toSorted()).toEqual([
      'audit.000001.jsonl',
      'audit.000001.salts.jsonl',
    ]);
    const salts = join(folder.directory, 'audit.000001.salts.jsonl');
    expect(await readFile(salts, 'utf8')).toMatch(/^\{"key":"[\w-]{43}"\}\n$/);
    expect((await stat(salts)).mode & 0o777).toBe(0o600);
  });

  test('differ for the same text in two calls', async () => {
    await using folder = await auditFolder();
    {
      await using pipe = auditPipeline(folder);
      for (let call = 0; call < 2; call++) await (await pipe.post()).text();
    }
    const [a, b] = intents(await folder.records());
    expect(a?.['request']).not.toEqual(b?.['request']);
  });

  test('with `none` there are none, and a tenant may have a mode of its own', async () => {
    await using folder = await auditFolder();
    const content: AuditOptions['content'] = { tenants: { acme: { request: 'none', response: 'none' } } };
    for (const tenant of ['acme', 'other']) {
      await using pipe = auditPipeline(folder, { content }, { plugins: [identity('alice', tenant)] });
      await (await pipe.post()).text();
    }
    const [acme, other] = outcomes(await folder.records());
    expect(intents(await folder.records()).some((one) => JSON.stringify(one).includes('digest'))).toBe(false);
    expect(acme?.['response']).toBeUndefined();
    expect(JSON.stringify(other)).toMatch(/"response":\{"bytes".*"request":\{"digest"/);
    for (const direction of ['request', 'response'] as const) {
      const bytes = Buffer.from(direction);
      expect(await matchContent({ ...folder, seq: Number(other?.seq), direction, bytes })).toBe('other');
    }
    expect((await verifyLog(folder)).problems).toEqual([]);
  });
});

describe('content', () => {
  const secret = 'sk-ant-api03-abcdefghijklmnop';
  const prompt = `My name is Li Lei, my key is ${secret}`;
  async function keep(options: AuditOptions): Promise<AuditFolder> {
    const folder = await auditFolder();
    const text = anthropicStream({ text: 'Hello Li Lei' }).join('');
    await using pipe = auditPipeline(folder, options, { answers: [streamAnswer(text)] });
    const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: prompt }] });
    await (await pipe.post({}, { body })).text();
    return folder;
  }

  test('`full` keeps texts without secrets, and the chain commits to them', async () => {
    await using folder = await keep({ content: { request: 'full', response: 'full' } });
    const text = await folder.text();
    expect(text).toContain('My name is Li Lei, my key is [SECRET]');
    expect(text).toContain('Hello Li Lei');
    expect(text).not.toContain(secret);
    expect((await verifyLog(folder)).state).toBe('intact');
  });

  test('`redacted` keeps the shape without the words', async () => {
    await using folder = await keep({ content: { request: 'redacted', response: 'redacted' } });
    const text = await folder.text();
    expect(text).not.toContain('Li Lei');
    expect(text).toMatch(/\\"role\\":\\"user\\",\\"content\\":\\"\[REDACTED LENGTH=\d+ HASH=[0-9a-f]{16}\]/);
    expect(text).toMatch(/channel\\":\\"text\\",.*\[REDACTED LENGTH=12 HASH=/);
  });

  test('is cut behind its secrets, or through none of them: neither in content nor in what is recorded', async () => {
    await using folder = await auditFolder();
    const jwt = `eyJhbGciOiJSUzI1NiJ9.eyJ${'c3Vi'.repeat(200)}.${'c2ln'.repeat(80)}`;
    const pem = `-----BEGIN PRIVATE KEY----- ${'MIIEvQ'.repeat(250)} -----END PRIVATE KEY-----`;
    const said = [`my key: ${jwt}`, `and: ${pem}`];
    const options: AuditOptions = {
      maxContentBytes: 800,
      content: { request: 'full', response: 'full' },
      headers: ['x-jwt'],
      annotate: () => ({ pem }),
    };
    const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: said[0] }] });
    const answers = [
      streamAnswer(anthropicStream({ text: said.join(' ') }).join('')),
      () => Response.json({ error: { message: said.join(' ') } }, { status: 400 }),
    ];
    {
      await using pipe = auditPipeline(folder, options, { answers });
      const headers = { 'content-type': 'application/json', 'x-jwt': jwt };
      for (let call = 0; call < 2; call++) await (await pipe.post({}, { body, headers })).text();
    }
    const text = await folder.text();
    expect(text).toContain('my key: [SECRET]');
    expect(text).toMatch(/"x-jwt":"\[SECRET\]…"/);
    expect(text).toMatch(/"notes":\{"pem":"\[SECRET\]…"/);
    expect(text).not.toMatch(/c3Vic3Vi|c2lnc2ln|MIIEvQ/);
  });

  test('may be encrypted, bound to its call', async () => {
    const contentKey = { id: 'k1', key: randomBytes(32) };
    await using folder = await keep({ contentKey, content: { request: 'full', response: 'full' } });
    const text = await folder.text();
    expect(text).not.toContain('Li Lei');
    const line = text.split('\n').find((one) => one.includes('"sealed"')) ?? '';
    const { call, request } = JSON.parse(line) as { call: string; request: Sealed };
    expect(openContent(request, contentKey, `${call} request`)).toContain(
      'My name is Li Lei, my key is [SECRET]',
    );
    expect(() => openContent(request, contentKey, 'another request')).toThrow();
  });

  test('is bounded', async () => {
    await using folder = await keep({ maxContentBytes: 8, content: { request: 'full', response: 'full' } });
    expect(await folder.text()).toContain('[TRUNCATED]');
    expect(await folder.text()).not.toContain('Li Lei');
  });

  test.each([
    ['body', 1_500_000, 'BYTES=4500001'],
    ['shape', 50_000, 'LENGTH=150001'],
  ])('with `redacted`, a %s that is too long is its length and a hash', async (_, strings, length) => {
    await using folder = await auditFolder();
    const body = `[${Array(strings).fill('""').join()}]`;
    {
      await using pipe = auditPipeline(folder, { content: { request: 'redacted' } });
      // Of a route without a format, of which nobody counts the values.
      const response = await pipe.pipeline.handle({
        method: 'POST',
        target: '/v1/messages/batches',
        headers: { 'content-type': 'application/json' },
        body: new Uint8Array(Buffer.from(body)),
      });
      await response.text();
    }
    const beside = await readFile(join(folder.directory, 'audit.000001.beside.jsonl'), 'utf8');
    expect(beside.length).toBeLessThan(500);
    expect(beside).toMatch(new RegExp(String.raw`"request":"\[REDACTED ${length} HASH=[0-9a-f]{16}\]"`));
    // The next start reads it.
    await using again = auditPipeline(folder);
    await again.pipeline.start();
    expect((await verifyLog({ ...folder })).problems).toEqual([]);
  });
});

test('a restart goes on in the same chain', async () => {
  await using folder = await auditFolder();
  for (let run = 0; run < 3; run++) {
    await using pipe = auditPipeline(folder);
    await (await pipe.post()).text();
  }
  const report = await verifyLog(folder);
  expect(report).toMatchObject({ state: 'intact', segments: 3, records: 18, first: 0 });
});

test('options that cannot be are refused, in a sentence that says what to do', () => {
  const refused =
    (options: unknown): (() => unknown) =>
    () =>
      createPipeline({ upstream: 'https://x.test', plugins: [audit(options as AuditOptions)] });
  expect(refused({ directry: 'x' })).toThrow('there is no option "directry"');
  expect(refused({ headers: ['authorization'] })).toThrow('carries credentials, which are never recorded');
  expect(refused({ checkpoints: { publish: () => undefined } })).toThrow('give checkpoints.signingKey too');
  expect(refused({ retention: { profile: 'cn', recordDays: 30 } })).toThrow('at least 183 days');
  expect(refused({ retention: { recordDays: 10, contentDays: 20 } })).toThrow('make it at most recordDays');
  expect(refused({ contentKey: { id: 'k', key: new Uint8Array(3) } })).toThrow('must be 32 bytes');
  expect(refused({ maxContentBytes: 5 << 20 })).toThrow('must be at most 4194304');
  expect(refused({ log: '../x' })).toThrow('must be a name of letters');
  expect(refused({ checkpoints: { signingKey: 'x' } })).toThrow('must be an Ed25519 private key');
});
