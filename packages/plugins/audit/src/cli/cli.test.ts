import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { appendFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PRINCIPAL } from '@sluice/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { auditFolder, type AuditFolder, auditPipeline } from '../../../../../test/support/audit.ts';
import { verifierText } from '../index.ts';
import { runCli } from './run.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const key = verifierText({ name: 'sluice-audit', key: publicKey });
let folder: AuditFolder;
let outside: string;
let published = '';

beforeAll(async () => {
  folder = await auditFolder();
  outside = await mkdtemp(join(tmpdir(), 'sluice-audit-cli-'));
  await using pipe = auditPipeline(folder, {
    content: { request: 'full', response: 'full' },
    checkpoints: { signingKey: privateKey, publish: (note) => void (published += `${note}\n`) },
  });
  for (const tenant of ['acme', 'acme', '=cmd|"x"']) {
    const response = await pipe.pipeline.handle(
      {
        method: 'POST',
        target: '/v1/messages',
        headers: { 'content-type': 'application/json' },
        body: new Uint8Array(
          Buffer.from('{"model":"m","messages":[{"role":"user","content":"secret words"}]}'),
        ),
      },
      (state) => {
        state.set(PRINCIPAL, { id: 'alice', tenant });
      },
    );
    await response.text();
  }
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
  await rm(outside, { recursive: true });
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function cli(...args: string[]): Promise<Ran> {
  let out = '';
  let err = '';
  const code = await runCli(args, {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    watched: true,
    columns: 80,
    signal: new AbortController().signal,
  });
  return { code, out, err };
}

const on = (command: string, ...args: string[]): Promise<Ran> =>
  cli(command, '--dir', folder.directory, ...args);

describe('verify', () => {
  test('says intact, with a public key and published checkpoints alone', async () => {
    const notes = join(outside, 'notes');
    await writeFile(notes, published);
    const { code, out } = await on('verify', '--key', key, '--checkpoint', notes);
    expect(code).toBe(0);
    expect(out).toMatch(
      /10 records in 1 files, .*1 checkpoints, 1 with a good signature; 1 published checkpoints agree\nintact\n/,
    );
  });

  test('shows progress to who is looking, and takes it away', async () => {
    const { err } = await on('verify');
    expect(err === '' || err.endsWith('\r')).toBe(true);
  });

  test('tells tampering, an open end and what could not be checked apart by exit code', async () => {
    const path = join(folder.directory, 'audit.000001.jsonl');
    const notes = join(outside, 'notes');
    const text = await readFile(path, 'utf8');
    await rm(path);
    await writeFile(path, `${text.split('\n').slice(0, 4).join('\n')}\n`);
    // By itself, a log that was cut looks like one that is in use.
    expect((await on('verify')).code).toBe(3);
    expect((await on('verify', '--checkpoint', notes)).code).toBe(1);
    await rm(path);
    const cut = `${text.split('\n').slice(0, -2).join('\n')}\n`;
    await writeFile(path, cut);
    expect((await on('verify')).code).toBe(3);
    expect((await on('verify', '--allow-open')).code).toBe(0);
    await rm(path);
    await writeFile(path, text.replace('"status":200', '"status":201'));
    const { code, out } = await on('verify');
    expect(code).toBe(1);
    expect(out).toMatch(/^BROKEN {3}audit\.000001\.jsonl at byte \d+: this record/m);
    await rm(path);
    await writeFile(path, text);
    expect((await on('verify')).code).toBe(0);
    expect((await cli('verify', '--dir', '/nowhere')).code).toBe(2);
    expect(JSON.parse((await on('verify', '--json')).out)).toMatchObject({ state: 'intact' });
  });
});

test('query finds records by caller, time, outcome and kind', async () => {
  expect((await on('query', '--tenant', 'acme', '--type', 'outcome')).out.split('\n')).toHaveLength(3);
  expect((await on('query', '--outcome', 'refused')).out).toBe('');
  expect((await on('query', '--since', '2027-01-01')).out).toBe('');
  expect((await on('query', '--unfinished')).out).toBe('');
  const { out } = await on('query', '--type', 'outcome', '--limit', '1');
  expect(out).toMatch(
    /^2026-01-01T00:00:00\.000Z +3 {2}outcome {4}\w{8} acme\/alice completed 200 in 0 ms, 1 attempts m\n$/,
  );
  expect(JSON.parse((await on('query', '--json', '--limit', '1')).out)).toMatchObject({
    seq: 0,
    type: 'start',
  });
});

test('tail shows the last records', async () => {
  const { out } = await on('tail', '--lines', '2');
  expect(out.split('\n').map((line) => line.split(/ +/)[2])).toEqual(['stop', 'checkpoint', undefined]);
});

test('tail --follow goes on with what is written', async () => {
  await using live = await auditFolder();
  await using pipe = auditPipeline(live, { durability: 'sync' });
  await (await pipe.post()).text();
  const stop = new AbortController();
  let out = '';
  const following = runCli(['tail', '--dir', live.directory, '--follow', '--type', 'outcome', '--json'], {
    out: (text) => void (out += text),
    err: () => undefined,
    watched: false,
    columns: 80,
    signal: stop.signal,
  });
  const lines = async (count: number): Promise<void> => {
    while (out.split('\n').length <= count) {
      await pipe.clock.advance(20);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await lines(1);
  await (await pipe.post()).text();
  await lines(2);
  stop.abort();
  expect(await following).toBe(0);
});

test('tail --follow tells of what is written while it reads, in a file that has an end by now too', async () => {
  await using live = await auditFolder();
  for (let run = 0; run < 2; run++) {
    await using pipe = auditPipeline(live);
    await (await pipe.post()).text();
  }
  const [first, second] = [1, 2].map((one) => join(live.directory, `audit.00000${one}.jsonl`)) as [
    string,
    string,
  ];
  const lines = (await readFile(first, 'utf8')).split(/(?<=\n)/);
  const later = await readFile(second, 'utf8');
  for (const file of [first, second]) await rm(file);
  await writeFile(first, lines.slice(0, 3).join(''));
  const stop = new AbortController();
  const seqs: number[] = [];
  const following = runCli(['tail', '--dir', live.directory, '--follow', '--json'], {
    out: (text) => {
      // It has read the log, and is about to wait.
      if (seqs.length === 0) {
        appendFileSync(first, lines.slice(3).join(''));
        writeFileSync(second, later);
      }
      seqs.push((JSON.parse(text) as { readonly seq: number }).seq);
      if (seqs.length === 12) stop.abort();
    },
    err: () => undefined,
    watched: false,
    columns: 80,
    signal: stop.signal,
  });
  expect(await following).toBe(0);
  expect(seqs).toEqual(Array.from({ length: 12 }, (_, seq) => seq));
});

test('stats counts and draws', async () => {
  const { out } = await on('stats');
  expect(out).toContain('3 calls, 36 input and 6 output tokens');
  expect(out).toMatch(/by outcome\n {2}completed 3 █+/);
  expect(out).toMatch(/2026-01-01T00:00Z 3 █/);
});

test('export writes CSV that no spreadsheet runs, and JSON lines as they are', async () => {
  const csv = (await on('export', '--format', 'csv')).out.split('\r\n');
  expect(csv).toHaveLength(5);
  expect(csv[0]).toMatch(/^seq,time,call,tenant,principal/);
  expect(csv[3]).toContain(`"'=cmd|""x"""`);
  const file = join(outside, 'export.jsonl');
  expect((await on('export', '--out', file)).code).toBe(0);
  const records = (await folder.text())
    .split('\n')
    .filter((line) => line.includes('"hash"') && line.startsWith('{"seq"'));
  expect(await readFile(file, 'utf8')).toBe(`${records.join('\n')}\n`);
  expect((await on('export', '--out', file)).code).toBe(2);
});

test('export to a disk that fills up says so, and leaves no half of it', async () => {
  const program = fileURLToPath(new URL('sluice-audit.ts', import.meta.url));
  const file = join(outside, 'half.jsonl');
  // A file may have so many half kilobytes: the write that meets the limit is cut, and the next one fails.
  const script = `ulimit -f 2; trap '' XFSZ; exec "$0" "$@"`;
  const args = [process.execPath, program, 'export', '--dir', folder.directory, '--out', file];
  const { status, stderr } = spawnSync('/bin/sh', ['-c', script, ...args], { encoding: 'utf8' });
  expect(stderr).toContain('EFBIG');
  expect(status).toBe(2);
  await expect(readFile(file)).rejects.toThrow('ENOENT');
});

test('prove makes a proof of one record that shows no other, and checks it', async () => {
  const { out, code } = await on('prove', '--seq', '3');
  expect(code).toBe(0);
  const file = join(outside, 'proof.json');
  await writeFile(file, out);
  expect(await cli('prove', '--check', file, '--key', key)).toMatchObject({ code: 0 });
  expect(out.match(/"call\\":/g)).toHaveLength(1);
  await writeFile(file, out.replace('completed', 'refused'));
  expect(await cli('prove', '--check', file)).toMatchObject({ code: 1, out: 'the proof does not hold\n' });
  expect((await on('prove', '--seq', '99')).err).toContain('no checkpoint covers this record');
});

test('match says whether a text is the one that a record has the digest of', async () => {
  const file = join(outside, 'body');
  await writeFile(file, '{"model":"m","messages":[{"role":"user","content":"secret words"}]}');
  expect(await on('match', '--seq', '2', '--request', file)).toMatchObject({ code: 0 });
  await writeFile(file, 'other words');
  expect(await on('match', '--seq', '2', '--request', file)).toMatchObject({ code: 1 });
  expect(await on('match', '--seq', '3', '--response', file)).toMatchObject({ code: 1 });
  expect((await on('match', '--seq', '0', '--response', file)).err).toContain('no digest of a response');
  expect((await on('match', '--seq', '3')).code).toBe(2);
});

test('erase asks first, erases, and leaves a log that verifies', async () => {
  expect((await on('erase', '--tenant', 'acme')).err).toContain('say --yes');
  expect((await folder.text()).match(/secret words/g)).toHaveLength(3);
  const signing = join(outside, 'key.pem');
  await writeFile(signing, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const erased = await on('erase', '--tenant', 'acme', '--yes', '--signing-key', signing);
  expect(erased).toMatchObject({ code: 0, out: '6 entries erased\n' });
  expect((await folder.text()).match(/secret words/g)).toHaveLength(1);
  expect((await on('verify', '--key', key)).code).toBe(0);
  expect((await on('match', '--seq', '2', '--request', signing)).code).toBe(3);
});

test('erase leaves it to the process that writes the log, if there is one', async () => {
  await using pipe = auditPipeline(folder, { checkpoints: { signingKey: privateKey } });
  await pipe.pipeline.start();
  expect((await on('erase', '--tenant', '=cmd|"x"', '--yes')).out).toContain('erases within a minute');
});

test('keygen makes a key that signs, and does not overwrite one', async () => {
  const file = join(outside, 'new.pem');
  expect((await cli('keygen', '--out', file)).out).toMatch(/^sluice-audit\+[0-9a-f]{8}\+/);
  expect((await cli('keygen', '--out', file)).code).toBe(2);
});

test('a mistake is answered with what is possible', async () => {
  expect((await cli()).out).toContain('verify');
  expect(await cli('verfy')).toMatchObject({
    code: 2,
    err: expect.stringContaining('there is no command "verfy"'),
  });
  expect(await cli('query', '--tennant', 'x')).toMatchObject({
    code: 2,
    err: expect.stringContaining('--tenant T'),
  });
  expect((await cli('verify', '--help')).out).toContain('Exit codes');
  expect((await on('query', '--since', 'yesterday')).err).toContain('ISO 8601');
});
