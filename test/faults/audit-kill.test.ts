import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { verifyLog } from '@sluice/audit';
import { expect, test } from 'vitest';
import { auditFolder } from '../support/audit.ts';

/** 200 with SLUICE_KILLS=200. */
const KILLS = Number(process.env['SLUICE_KILLS'] ?? 6);
const CHILD = fileURLToPath(new URL('audit-child.ts', import.meta.url));

/** Runs the program until it has made some calls, and kills it in the middle of others. Returns what it said. */
async function killed(
  directory: string,
  durability: string,
  key: string,
  afterMs: number,
): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, directory, durability, key], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  const gone = once(child, 'exit');
  const ready = new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\nintent')) resolve();
    });
  });
  await Promise.race([ready, gone]);
  await sleep(afterMs);
  child.kill('SIGKILL');
  await gone;
  // The last line may be cut.
  return text.split('\n').slice(0, -1);
}

test(
  `of ${KILLS} kills under load none costs a record that was acknowledged`,
  { timeout: 1_200_000 },
  async () => {
    await using folder = await auditFolder();
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const said: string[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      said.push(...(await killed(folder.directory, 'sync', key, (kill * 7) % 60)));
      const report = await verifyLog({
        directory: folder.directory,
        verifiers: [{ name: 'sluice-audit', key: publicKey }],
      });
      // Killed, so the end is never sealed; but nothing is wrong with it.
      expect(report).toMatchObject({ state: 'open', problems: [] });
    }
    const acknowledged = said.filter((line) => line.startsWith('intent ')).map((line) => line.slice(7));
    const recorded = new Set(
      (await folder.records()).filter(({ type }) => type === 'intent').map((record) => record['call']),
    );
    expect(said.filter((line) => line === 'ready')).toHaveLength(KILLS);
    expect(acknowledged.length).toBeGreaterThan(KILLS);
    expect(acknowledged.filter((call) => !recorded.has(call))).toEqual([]);
    console.info(`${KILLS} kills, ${acknowledged.length} acknowledged calls, 0 lost`);
  },
);
