import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type FakeUpstream, fakeUpstream } from '@sluice/core/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { run } from './run.ts';

const PROGRAM = fileURLToPath(new URL('sluice-batch.ts', import.meta.url));
const KEY = 'sk-ant-of-the-environment';
let upstream: FakeUpstream;
let folder: string;
let requests: string;
let results: string;
beforeEach(async () => {
  upstream = await fakeUpstream();
  folder = await mkdtemp(join(tmpdir(), 'sluice-batch-cli-'));
  requests = join(folder, 'requests.jsonl');
  results = join(folder, 'results.jsonl');
});
afterEach(async () => {
  await upstream.close();
  await rm(folder, { recursive: true });
});

interface Ran {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

function start(...args: readonly string[]): { child: ChildProcessWithoutNullStreams; ended: Promise<Ran> } {
  const env = { ...process.env, ANTHROPIC_API_KEY: KEY, OPENAI_API_KEY: 'sk-openai-of-the-environment' };
  const child = spawn(process.execPath, [PROGRAM, ...args], { env });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (err += String(chunk)));
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
    out,
    err,
  }));
  return { child, ended };
}

/** Runs the program as a shell would, with nothing on standard input unless some is given. */
function sluiceBatch(args: readonly string[], stdin = ''): Promise<Ran> {
  const { child, ended } = start(...args);
  child.stdin.on('error', () => undefined).end(stdin);
  return ended;
}

const line = (n: number): string =>
  JSON.stringify({
    custom_id: `item-${n}`,
    params: { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: `question ${n}` }] },
  });
const lines = (count: number): string => Array.from({ length: count }, (_, n) => `${line(n)}\n`).join('');

interface Written {
  readonly custom_id: string;
  readonly result: { readonly type: string; readonly status?: number };
}
/** The whole lines of a text. */
const read = (text: string): Written[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((each) => JSON.parse(each) as Written);
const fileOf = async (): Promise<string> => readFile(results, 'utf8').catch(() => '');
const ids = (count: number): string[] => Array.from({ length: count }, (_, n) => `item-${n}`).toSorted();

test('from a file to a file, in order, for both APIs, with keys of the environment alone', async () => {
  const openai = `{"custom_id":"chat","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[]}}`;
  await writeFile(requests, `${lines(20)}${openai}\n`);
  const ran = await sluiceBatch([
    '--upstream',
    upstream.url,
    '--ordered',
    '--header',
    'anthropic-beta=x',
    '--output',
    results,
    requests,
  ]);
  expect(ran).toMatchObject({ code: 0, out: '' });
  expect(ran.err).toMatch(/^21 succeeded, 0 failed in 0:\d\d; \d+ tokens in, \d+ out\n$/);
  const text = await fileOf();
  expect(read(text).map(({ custom_id }) => custom_id)).toEqual([
    ...Array.from({ length: 20 }, (_, n) => `item-${n}`),
    'chat',
  ]);
  expect(text).toContain('You said: question 7');
  for (const { path, headers } of upstream.requests) {
    const isMessages = path === '/v1/messages';
    expect(headers).toMatchObject(
      isMessages
        ? { 'x-api-key': KEY, 'anthropic-beta': 'x' }
        : { authorization: 'Bearer sk-openai-of-the-environment' },
    );
    expect(headers).not.toHaveProperty(isMessages ? 'authorization' : 'x-api-key');
  }
  expect(text + ran.err).not.toMatch(/of-the-environment/);
});

test('from a pipe that has a name as it comes: it can be read once', async () => {
  // A shell gives a pipe there; what Node gives a child is a socket, which nobody can open.
  const script = `printf '%s' "$0" | "$@"`;
  const args = [lines(3), process.execPath, PROGRAM, '--upstream', upstream.url, '/dev/stdin'];
  const env = { ...process.env, ANTHROPIC_API_KEY: KEY };
  const child = spawn('/bin/sh', ['-c', script, ...args], { env });
  let out = '';
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  const [code] = (await once(child, 'close')) as [number];
  expect([code, read(out).length]).toEqual([0, 3]);
});

test('from a named pipe as it comes', async () => {
  execFileSync('/bin/sh', ['-c', 'mkfifo "$0"', requests]);
  const { child, ended } = start('--upstream', upstream.url, requests);
  child.stdin.end();
  await writeFile(requests, lines(3));
  const { code, out } = await ended;
  expect([code, read(out).length]).toEqual([0, 3]);
});

test('from standard input to standard output, as long as it comes', async () => {
  const { child, ended } = start('--upstream', upstream.url);
  child.stdin.write(`${line(0)}\n`);
  const [first] = (await once(child.stdout, 'data')) as [Buffer];
  expect(read(String(first))).toMatchObject([{ custom_id: 'item-0', result: { type: 'succeeded' } }]);
  child.stdin.end(line(1));
  const { code, out } = await ended;
  expect([code, read(out).length]).toEqual([0, 2]);
});

test('what failed is told by exit code 1 and tried again by --resume', async () => {
  await writeFile(requests, lines(10));
  upstream.script((request) => (/question [37]"/.test(request.text()) ? 'status; status=400' : undefined));
  const args = ['--upstream', upstream.url, '--output', results, requests];
  const first = await sluiceBatch(args);
  expect(first.code).toBe(1);
  expect(first.err).toContain('8 succeeded, 2 failed');
  expect(read(await fileOf()).filter(({ result }) => result.type === 'errored')).toMatchObject([
    { result: { status: 400 } },
    { result: { status: 400 } },
  ]);
  const again = await sluiceBatch(args);
  expect(again.code).toBe(2);
  expect(again.err).toContain('is there already; go on with it by --resume');

  upstream.reset();
  const resumed = await sluiceBatch(['--resume', ...args]);
  expect(resumed.code).toBe(0);
  expect(resumed.err).toContain('2 succeeded, 0 failed, 8 done before');
  expect(upstream.requests).toHaveLength(2);
  const all = read(await fileOf());
  expect(all.map(({ custom_id }) => custom_id).toSorted()).toEqual(ids(10));
  expect(all.every(({ result }) => result.type === 'succeeded')).toBe(true);
});

test('--stop-on-error begins nothing after the first failure', async () => {
  await writeFile(requests, lines(10));
  upstream.script((_, n) => (n === 3 ? 'status; status=400' : undefined));
  const args = ['--concurrency', '1', '--stop-on-error', '--upstream', upstream.url, requests];
  const { code, out } = await sluiceBatch(args);
  expect([code, read(out).length, upstream.requests.length]).toEqual([1, 3, 3]);
});

describe('interrupted', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    '%s: what has ended is written, calls are closed, and --resume does the rest',
    async (signal, code) => {
      await writeFile(requests, lines(20));
      upstream.script((_, n) => (n > 7 ? 'stall' : undefined));
      const args = ['--upstream', upstream.url, '--concurrency', '4', '--output', results, requests];
      const { child, ended } = start(...args);
      const last = await upstream.request(11);
      while (read(await fileOf()).length < 7) await nextTurn();
      child.kill(signal);
      const ran = await ended;
      expect(ran).toMatchObject({ code, signal: null });
      expect(ran.err).toContain('7 succeeded, 0 failed, 4 canceled');
      expect(await last.closed).toBe('aborted');
      expect(read(await fileOf())).toHaveLength(7);

      upstream.reset();
      upstream.script(undefined);
      expect((await sluiceBatch(['--resume', ...args])).code).toBe(0);
      expect(upstream.requests).toHaveLength(13);
      expect(
        read(await fileOf())
          .map(({ custom_id }) => custom_id)
          .toSorted(),
      ).toEqual(ids(20));
    },
  );

  test('a standard input that does not end keeps nobody from leaving', async () => {
    const { child, ended } = start('--upstream', upstream.url);
    child.stdin.write(`${line(0)}\n`);
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    expect((await ended).code).toBe(130);
  });

  test('SIGKILL again and again: each item is there once in the end, and none that was written is called again', async () => {
    const count = 30;
    await writeFile(requests, lines(count));
    const args = [
      '--upstream',
      upstream.url,
      '--concurrency',
      '3',
      '--output',
      results,
      '--resume',
      requests,
    ];
    for (const killAt of [1, 4, 9]) {
      upstream.reset();
      const before = new Set(read(await fileOf()).map(({ custom_id }) => custom_id));
      const { child, ended } = start(...args);
      await upstream.request(killAt);
      child.kill('SIGKILL');
      expect((await ended).signal).toBe('SIGKILL');
      const asked = upstream.requests.map((request) => /question (\d+)/.exec(request.text())?.[1]);
      expect(asked.filter((n) => before.has(`item-${n}`))).toEqual([]);
      const text = await fileOf();
      expect(read(text).length).toBeGreaterThanOrEqual(before.size);
      // A kill in the middle of a write leaves a torn line: here there is one each time.
      await writeFile(results, `${text.slice(0, text.lastIndexOf('\n') + 1)}{"custom_id":"item-29","resul`);
    }
    upstream.reset();
    const left = count - read(await fileOf()).length;
    expect((await sluiceBatch(args)).code).toBe(0);
    expect(upstream.requests).toHaveLength(left);
    expect(
      read(await fileOf())
        .map(({ custom_id }) => custom_id)
        .toSorted(),
    ).toEqual(ids(count));
  });
});

describe('--config', () => {
  const core = fileURLToPath(import.meta.resolve('@sluice/core'));
  const source = (exported: string): string => `
    import { createPipeline, definePlugin } from ${JSON.stringify(core)};
    const tag = definePlugin({
      name: 'tag',
      create: () => ({
        handle: (request, next) => next({ ...request, headers: { ...request.headers, 'x-tag': 'mine' } }),
        close: () => void process.stderr.write('closed\\n'),
      }),
    });
    const make: () => unknown = () => createPipeline({ upstream: '${upstream.url}', plugins: [tag()] });
    export default ${exported};`;

  test.each(['make', 'make()'])(
    'takes a pipeline of one’s own, and closes it: export default %s',
    async (exported) => {
      const config = join(folder, 'pipeline.ts');
      await writeFile(config, source(exported));
      const { code, err } = await sluiceBatch(['--config', config], line(0));
      expect([code, upstream.requests[0]?.headers['x-tag']]).toEqual([0, 'mine']);
      expect(err).toMatch(/closed\n$/);
    },
  );

  test('says what to write in a module that has none', async () => {
    const config = join(folder, 'pipeline.ts');
    await writeFile(config, 'export const pipeline: number = 1;');
    const { code, err } = await sluiceBatch(['--config', config]);
    expect(code).toBe(2);
    expect(err).toContain('has no pipeline; write in it: export default createPipeline({ … });');
  });
});

describe('wrong usage is exit code 2, before any call', () => {
  test.each<[string, readonly string[], string]>([
    ['no pipeline', [], 'Say either --upstream or --config.'],
    ['two', ['--upstream', 'https://a.test', '--config', 'x'], 'Say either --upstream or --config.'],
    ['an upstream in clear', ['--upstream', 'http://a.test'], 'must be https:'],
    ['an unknown option', ['--upstream', 'https://a.test', '--api-key', 'x'], "Unknown option '--api-key'"],
    [
      'a key',
      ['--upstream', 'https://a.test', '--header', 'X-Api-Key=secret'],
      '--header takes no X-Api-Key',
    ],
    [
      'a concurrency of none',
      ['--upstream', 'https://a.test', '--concurrency', '0'],
      'a number from 1 to 4096',
    ],
    ['--resume of nothing', ['--upstream', 'https://a.test', '--resume'], 'name it by --output'],
    ['a file that is not there', ['--upstream', 'https://a.test', '/nowhere/x.jsonl'], 'ENOENT'],
  ])('%s', async (_, args, message) => {
    let text = '';
    const code = await run(args, {
      env: {},
      stdin: (async function* () {})(),
      out: () => Promise.reject(new Error('nothing goes to standard output')),
      err: (more) => void (text += more),
      watched: false,
      signal: new AbortController().signal,
    });
    expect(code).toBe(2);
    expect(text).toContain(message);
    expect(text).not.toContain('secret');
  });

  test.each([
    [`${line(0)}\n{"custom_id":"x"}\n`, 'line 2 needs params'],
    [`${line(0)}\n${line(1)}\n${line(0)}\n`, 'two requests have the custom_id "item-0"'],
  ])('a file with a fault in it', async (text, message) => {
    await writeFile(requests, text);
    const { code, err } = await sluiceBatch(['--upstream', upstream.url, '--output', results, requests]);
    expect([code, upstream.requests.length]).toEqual([2, 0]);
    expect(err).toContain(message);
    expect(await fileOf()).toBe('');
  });

  test('a fault on standard input comes after the results before it', async () => {
    const { code, out, err } = await sluiceBatch(['--upstream', upstream.url], `${line(0)}\n{`);
    expect([code, read(out).length]).toEqual([2, 1]);
    expect(err).toContain('sluice-batch: line 2 is no JSON');
  });

  test('--help', async () => {
    const { code, out } = await sluiceBatch(['--help']);
    expect(code).toBe(0);
    expect(out).toMatch(/^Usage: sluice-batch .*--resume .*Exit codes: /s);
  });
});

test('who stops reading ends the program', async () => {
  await writeFile(requests, lines(50));
  const { child, ended } = start('--upstream', upstream.url, '--concurrency', '1', requests);
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const { code, err } = await ended;
  expect(code).toBe(2);
  expect(err).toContain('EPIPE');
});
