import { generateKeyPairSync } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { auditFolder, type AuditFolder, auditPipeline } from '../../../../../test/support/audit.ts';
import { type Verifier, verifyLog } from '../index.ts';
import type { VerifyReport } from './report.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const verifiers: Verifier[] = [{ name: 'sluice-audit', key: publicKey }];
/** 10 000 with SLUICE_MUTATIONS=10000. */
const MUTATIONS = Number(process.env['SLUICE_MUTATIONS'] ?? 200);

let folder: AuditFolder;
let old: string;
const notes: string[] = [];
const original = new Map<string, Buffer>();

/** Three runs of the program, with some files each. */
async function run(calls: number): Promise<void> {
  await using pipe = auditPipeline(folder, {
    rotateBytes: 4_096,
    durability: 'sync',
    checkpoints: { signingKey: privateKey, publish: (note) => void notes.push(note) },
  });
  for (let call = 0; call < calls; call++) await (await pipe.post()).text();
}

beforeAll(async () => {
  folder = await auditFolder();
  await run(4);
  old = await mkdtemp(join(tmpdir(), 'sluice-audit-old-'));
  await cp(folder.directory, old, { recursive: true });
  await run(6);
  await run(3);
  for (const file of await readdir(folder.directory))
    original.set(file, await readFile(join(folder.directory, file)));
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
  await rm(old, { recursive: true });
});

async function write(files: ReadonlyMap<string, Buffer>): Promise<void> {
  for (const file of await readdir(folder.directory))
    if (!files.has(file)) await rm(join(folder.directory, file));
  for (const [file, bytes] of files) await writeFile(join(folder.directory, file), bytes, { flag: 'w' });
}

/** Checks the log with some files changed, and puts it back. */
async function tampered(changes: Readonly<Record<string, Buffer | undefined>>): Promise<VerifyReport> {
  const put = (file: string, bytes: Buffer | undefined): Promise<void> => {
    const path = join(folder.directory, file);
    return bytes === undefined ? rm(path) : rm(path, { force: true }).then(() => writeFile(path, bytes));
  };
  for (const [file, bytes] of Object.entries(changes)) await put(file, bytes);
  try {
    return await verifyLog({ directory: folder.directory, verifiers, published: notes });
  } finally {
    for (const file of Object.keys(changes)) await put(file, original.get(file));
  }
}

const segments = (): string[] =>
  [...original.keys()].filter((file) => /\.\d{6}\.jsonl$/.test(file)).toSorted();
const linesOf = (file: string): string[] => (original.get(file) as Buffer).toString().split(/(?<=\n)/);
const joined = (lines: readonly string[]): Buffer => Buffer.from(lines.join(''));

test('an untouched log is intact, with all signatures and published checkpoints', async () => {
  const report = await tampered({});
  expect(report).toMatchObject({
    state: 'intact',
    problems: [],
    checkpoints: { found: 3, signed: 3 },
    published: 3,
  });
  expect(segments().length).toBeGreaterThan(3);
});

describe('is found, at its first bad byte:', () => {
  const middle = (): string => segments()[2] as string;

  test('a flipped bit', async () => {
    const bytes = Buffer.from(original.get(middle()) as Buffer);
    const offset = linesOf(middle())[0]?.length ?? 0;
    bytes[offset + 60] = (bytes[offset + 60] as number) ^ 1;
    const { state, problems } = await tampered({ [middle()]: bytes });
    expect(state).toBe('broken');
    expect(problems[0]).toMatchObject({ file: middle(), offset });
  });

  test('a deleted record', async () => {
    const lines = linesOf(middle());
    const { problems } = await tampered({ [middle()]: joined(lines.toSpliced(2, 1)) });
    expect(problems[0]).toMatchObject({ file: middle(), offset: joined(lines.slice(0, 2)).length });
  });

  test('an inserted record', async () => {
    const lines = linesOf(middle());
    const { problems } = await tampered({ [middle()]: joined(lines.toSpliced(2, 0, lines[1] as string)) });
    expect(problems[0]).toMatchObject({ file: middle(), offset: joined(lines.slice(0, 2)).length });
  });

  test('records in another order', async () => {
    const lines = linesOf(middle());
    const swapped = lines.with(1, lines[2] as string).with(2, lines[1] as string);
    const { problems } = await tampered({ [middle()]: joined(swapped) });
    expect(problems[0]).toMatchObject({ file: middle(), offset: (lines[0] as string).length });
  });

  test('a cut tail, however it was cut', async () => {
    const last = segments().at(-1) as string;
    const lines = linesOf(last);
    for (let keep = 0; keep < lines.length; keep++) {
      const report = await tampered({ [last]: keep === 0 ? undefined : joined(lines.slice(0, keep)) });
      // Without the last checkpoint alone, nothing that it covers is missing; but the end is not sealed.
      expect(report.state).toBe(keep === lines.length - 1 ? 'open' : 'broken');
    }
  });

  test('two files spliced, and files swapped', async () => {
    const [, a = '', b = ''] = segments();
    const both = joined([...linesOf(a).slice(0, 3), ...linesOf(b).slice(3)]);
    expect((await tampered({ [a]: both })).state).toBe('broken');
    expect((await tampered({ [a]: original.get(b) as Buffer, [b]: original.get(a) as Buffer })).state).toBe(
      'broken',
    );
  });

  test('an old log in the place of the new one', async () => {
    const files = new Map<string, Buffer>();
    for (const file of await readdir(old)) files.set(file, await readFile(join(old, file)));
    await write(files);
    const alone = await verifyLog({ directory: folder.directory, verifiers });
    const compared = await verifyLog({ directory: folder.directory, verifiers, published: notes });
    await write(original);
    // By itself it is a good log: only what was published tells.
    expect(alone.state).toBe('intact');
    expect(compared.state).toBe('broken');
    expect(compared.problems[0]?.what).toContain('the end is missing');
  });

  test('a log that was written anew with a key of its own', async () => {
    const other = generateKeyPairSync('ed25519').privateKey;
    await using forged = await auditFolder();
    {
      await using pipe = auditPipeline(forged, { checkpoints: { signingKey: other } });
      await (await pipe.post()).text();
    }
    const report = await verifyLog({ directory: forged.directory, verifiers, published: notes });
    expect(report.problems.map(({ what }) => what)).toContain('the checkpoint is not signed by a given key');
  });

  test('a missing beginning, a missing middle, and salts that are gone or changed', async () => {
    const [first = '', second = ''] = segments();
    expect((await tampered({ [first]: undefined })).problems[0]?.what).toMatch(
      /records before \d+ are missing/,
    );
    expect((await tampered({ [second]: undefined })).state).toBe('broken');
    const salts = first.replace('.jsonl', '.salts.jsonl');
    expect((await tampered({ [salts]: undefined })).problems[0]?.what).toContain('no erasure is on record');
    const others = second.replace('.jsonl', '.salts.jsonl');
    for (const bytes of [original.get(others) as Buffer, Buffer.alloc(0)])
      expect((await tampered({ [salts]: bytes })).problems).toMatchObject([{ file: salts, offset: 0 }]);
  });
});

test(`${MUTATIONS} random mutations are all found`, { timeout: 900_000 }, async () => {
  const names = [...original.keys()].toSorted();
  const mutation = fc.record({
    file: fc.constantFrom(...names),
    kind: fc.constantFrom('flip', 'delete', 'insert', 'cut', 'drop-line', 'double-line', 'swap-lines'),
    at: fc.nat(1 << 20),
    byte: fc.integer({ min: 1, max: 255 }),
  });
  await fc.assert(
    fc.asyncProperty(mutation, async ({ file, kind, at, byte }) => {
      const bytes = original.get(file) as Buffer;
      const offset = at % bytes.length;
      const lines = bytes.toString().split(/(?<=\n)/);
      const line = at % lines.length;
      const changed = {
        flip: () => Buffer.from(bytes.map((value, index) => (index === offset ? value ^ byte : value))),
        delete: () => Buffer.concat([bytes.subarray(0, offset), bytes.subarray(offset + 1)]),
        insert: () => Buffer.concat([bytes.subarray(0, offset), Buffer.from([byte]), bytes.subarray(offset)]),
        cut: () => bytes.subarray(0, offset),
        'drop-line': () => joined(lines.toSpliced(line, 1)),
        'double-line': () => joined(lines.toSpliced(line, 0, lines[line] as string)),
        'swap-lines': () => joined(lines.toSpliced(line, 2, ...lines.slice(line, line + 2).toReversed())),
      }[kind]();
      if (changed.equals(bytes)) return;
      const { state } = await tampered({ [file]: changed });
      expect(state).not.toBe('intact');
    }),
    { numRuns: MUTATIONS },
  );
});
