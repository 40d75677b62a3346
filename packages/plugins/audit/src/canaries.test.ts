import { randomBytes } from 'node:crypto';
import { PRINCIPAL } from '@sluice/core';
import { anthropicMessage, anthropicStream, type ScriptedAnswer, streamAnswer } from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import { auditFolder, auditPipeline } from '../../../../test/support/audit.ts';
import type { ContentMode } from './index.ts';

const hex = (bytes: number): string => randomBytes(bytes).toString('hex');

/** Secrets that are known by their looks, and must be nowhere in any mode, wherever they stand. */
const SECRETS = [
  `sk-ant-api03-${hex(20)}`,
  `sk-proj-${hex(20)}`,
  `sk_live_${hex(12)}`,
  `pk-${hex(12)}`,
  `rk_live_${hex(12)}`,
  `AKIA${hex(8).toUpperCase()}`,
  `ASIA${hex(8).toUpperCase()}`,
  `AIza${hex(18)}`,
  `ghp_${hex(18)}`,
  `github_pat_${hex(20)}`,
  `glpat-${hex(10)}`,
  `xoxb-${hex(12)}`,
  `hf_${hex(17)}`,
  `npm_${hex(18)}`,
  `eyJ${hex(10)}.eyJ${hex(20)}.${hex(20)}`,
  `Bearer ${hex(20)}`,
];
const PASSWORD = hex(12);
const PEM_BODY = hex(32);
/** Written in texts that hold them. */
const TEXTS = [
  ...SECRETS,
  `redis://user:${PASSWORD}@cache:6379`,
  `-----BEGIN PRIVATE KEY-----\n${PEM_BODY}\n-----END PRIVATE KEY-----`,
];
/** Words of callers, that only `full` may keep. */
const PROMPTS = Array.from({ length: 10 }, () => `prompt ${hex(8)} 身份证 ${hex(8)}`);
const ANSWERS = Array.from({ length: 6 }, () => `answer ${hex(8)} 电话 ${hex(8)}`);
/** In headers and the query, which are recorded in no mode. */
const CREDENTIALS = Array.from({ length: 6 }, () => hex(16));

const forbidden = (mode: ContentMode): string[] => [
  ...SECRETS.map((secret) => secret.replace(/^Bearer /, '')),
  PASSWORD,
  PEM_BODY,
  ...CREDENTIALS,
  ...(mode === 'full'
    ? []
    : [...PROMPTS, ...ANSWERS].flatMap((text) => text.split(' ').filter((word) => word.length > 8))),
];

const body = JSON.stringify({
  model: 'claude',
  max_tokens: 5,
  system: PROMPTS[0],
  metadata: { user_id: PROMPTS[1] },
  tools: [{ name: 'look_up', description: PROMPTS[2], input_schema: { type: 'object', properties: {} } }],
  messages: [
    { role: 'user', content: PROMPTS.slice(3).join('\n') },
    {
      role: 'assistant',
      content: [{ type: 'tool_use', id: 't1', name: 'look_up', input: { [PROMPTS[4] ?? '']: TEXTS[0] } }],
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: TEXTS.join(' ') }] },
  ],
});
const text = [...ANSWERS, ...TEXTS].join(' ');
const answers: Readonly<Record<string, ScriptedAnswer>> = {
  'a whole answer': () =>
    new Response(anthropicMessage({ text }), { headers: { 'content-type': 'application/json' } }),
  'a stream': streamAnswer(
    (
      anthropicStream({ text })
        .join('')
        .match(/[^]{1,31}/gu) ?? []
    ).map((piece) => Buffer.from(piece)),
  ),
  'an error answer': () => Response.json({ error: { message: TEXTS.join(' ') } }, { status: 500 }),
  'a cut': Object.assign(new Error(TEXTS.join(' ')), { code: 'ECONNRESET' }),
};

describe.each<ContentMode>(['none', 'digest', 'redacted', 'full'])('of forty canaries, with `%s`', (mode) => {
  test.each(Object.keys(answers))('%s leaves none where it must not be', async (name) => {
    await using folder = await auditFolder();
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => void warnings.push(String(warning.stack));
    process.on('warning', onWarning);
    {
      await using pipe = auditPipeline(
        folder,
        {
          content: { request: mode, response: mode },
          headers: ['x-note'],
          annotate: () => ({ note: TEXTS[1] ?? '' }),
        },
        { answers: [answers[name] as ScriptedAnswer] },
      );
      const response = await pipe.pipeline.handle(
        {
          method: 'POST',
          target: `/v1/messages?key=${CREDENTIALS[0]}`,
          headers: {
            'content-type': 'application/json',
            authorization: `Basic ${CREDENTIALS[1]}`,
            'x-api-key': String(CREDENTIALS[2]),
            cookie: `session=${CREDENTIALS[3]}`,
            'proxy-authorization': String(CREDENTIALS[4]),
            'x-forwarded-secret': String(CREDENTIALS[5]),
            'x-note': TEXTS[2] ?? '',
          },
          body: new Uint8Array(Buffer.from(body)),
        },
        (state) => {
          state.set(PRINCIPAL, { id: TEXTS[3] ?? '', tenant: 'acme', labels: { secret: TEXTS[4] ?? '' } });
        },
      );
      await response.text();
    }
    process.off('warning', onWarning);
    const text = (await folder.text()) + warnings.join();
    expect(forbidden(mode).filter((canary) => text.includes(canary))).toEqual([]);
    if (mode === 'full') expect(text).toContain(PROMPTS[0]);
    expect(SECRETS.length + 2 + PROMPTS.length + ANSWERS.length + CREDENTIALS.length).toBe(40);
  });
});
