import { generateKeyPairSync } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { auditFolder, type AuditFolder, auditPipeline } from '../../../../../test/support/audit.ts';
import { checkProof, proveRecord } from '../index.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const verifiers = [{ name: 'sluice-audit', key: publicKey }];

async function withFiles(folder: AuditFolder): Promise<void> {
  for (let run = 0; run < 3; run++) {
    await using pipe = auditPipeline(folder, {
      durability: 'sync',
      rotateBytes: 4_096,
      checkpoints: { signingKey: privateKey, everyRecords: 7 },
    });
    for (let call = 0; call < 6; call++) await (await pipe.post()).text();
  }
}

test('every record can be proven, across files, with nothing but a public key', async () => {
  await using folder = await auditFolder();
  await withFiles(folder);
  const records = await folder.records();
  // Behind the last checkpoint there is nothing to prove with.
  for (const { seq } of records.slice(0, -1)) {
    const proof = await proveRecord({ ...folder, seq });
    expect(checkProof(proof, verifiers)).toBe(true);
    expect(proof.line).toContain(`{"seq":${seq},`);
    expect(checkProof({ ...proof, line: proof.line.replace('time', 'tame') }, verifiers)).toBe(false);
    expect(checkProof({ ...proof, index: seq + 1 }, verifiers)).toBe(false);
  }
});

test('records are proven under the last checkpoint too, and when older files are gone', async () => {
  await using folder = await auditFolder();
  await withFiles(folder);
  const records = await folder.records();
  const checkpoint = String(records.at(-1)?.['note']);
  const before = await proveRecord({ ...folder, seq: 40, checkpoint });
  await rm(join(folder.directory, 'audit.000001.jsonl'));
  expect(await proveRecord({ ...folder, seq: 40, checkpoint })).toEqual(before);
  expect(checkProof(before, verifiers)).toBe(true);
  await expect(proveRecord({ ...folder, seq: 1, checkpoint })).rejects.toThrow(
    'is not in the log, or was retired',
  );
});

test('another key, another checkpoint or nonsense prove nothing', async () => {
  await using folder = await auditFolder();
  await withFiles(folder);
  const proof = await proveRecord({ ...folder, seq: 3 });
  const stranger = [{ name: 'sluice-audit', key: generateKeyPairSync('ed25519').publicKey }];
  expect(checkProof(proof, stranger)).toBe(false);
  const later = await proveRecord({ ...folder, seq: 30 });
  expect(checkProof({ ...proof, checkpoint: later.checkpoint }, verifiers)).toBe(false);
  expect(checkProof({ ...proof, previous: 'x' }, verifiers)).toBe(false);
  expect(checkProof({ ...proof, path: ['x'] }, verifiers)).toBe(false);
  for (const text of ['{}', '[]', '{"path":[]}', JSON.stringify({ ...proof, path: [null] })])
    expect(checkProof(JSON.parse(text), verifiers)).toBe(false);
});
