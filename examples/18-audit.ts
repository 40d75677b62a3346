// An audit log of all calls: written, verified, asked, tampered with and found out. The program that verifies needs nothing
// of the app but the log's files and a public key.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { verifierText } from '@sluice/audit';
import { standardPipeline } from '@sluice/standard';
import { logDirectory } from './support/log-directory.ts';
import { claudeOrFake } from './support/upstream.ts';

await using upstream = await claudeOrFake();
await using log = await logDirectory();

// In earnest: `sluice-audit keygen`, once, and the private key where only the app can read it.
const { privateKey, publicKey } = generateKeyPairSync('ed25519');

// #region audit
const published: string[] = [];
const pipeline = standardPipeline({
  upstream: upstream.url, // https://api.anthropic.com
  audit: {
    directory: log.path,
    durability: 'sync', // No call is sent before the disk has the record of it.
    checkpoints: {
      signingKey: privateKey,
      // Where who can write the log cannot: another host, a ticket, a bucket that only grows.
      publish: async (checkpoint) => void published.push(checkpoint),
    },
  },
});
// #endregion

const client = new Anthropic({ apiKey: upstream.apiKey, fetch: pipeline.fetch });
for (const content of ['One?', 'Two?', 'Three?'])
  await client.messages.create({
    model: 'claude-haiku-4-5',
    max_tokens: 100,
    messages: [{ role: 'user', content }],
  });
await pipeline.close(); // Writes that the log was ended in order, and the last checkpoint.

/** Runs the program, shows what it says, and checks its exit code. */
function sluiceAudit(exitCode: number, ...args: readonly string[]): void {
  console.log(`\n$ sluice-audit ${args.join(' ')}`);
  const program = join(import.meta.dirname, 'node_modules/.bin/sluice-audit');
  const all = [...args, '--dir', log.path];
  const { status } = spawnSync(program, all, { stdio: 'inherit', shell: process.platform === 'win32' });
  assert.equal(status, exitCode);
}

// What an inspector has: the public key, and the last checkpoint that was published.
await writeFile(join(log.path, 'published.txt'), published.at(-1) ?? '');
const key = verifierText({ name: 'sluice-audit', key: publicKey });
const verify = ['verify', '--key', key, '--checkpoint', join(log.path, 'published.txt')];

sluiceAudit(0, ...verify); // 0: intact.
sluiceAudit(0, 'stats');

// Somebody makes a call that was answered look as if it had been refused.
const [file = ''] = (await readdir(log.path)).filter((name) => /\.\d{6}\.jsonl$/.test(name));
const path = join(log.path, file);
const text = await readFile(path, 'utf8');
await writeFile(path, text.replace('"completed"', '"refused"'));
sluiceAudit(1, ...verify); // 1: tampered with, and where.
await writeFile(path, text);
