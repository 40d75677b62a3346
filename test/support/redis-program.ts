import { constants } from 'node:fs';
import { access, open, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../check/run.ts';

const SERVERS = ['redis-server', 'valkey-server'];
const INSTALL_MS = 150_000;
const LOCK = join(tmpdir(), 'sluice-redis-install.lock');
const FAILED = join(tmpdir(), 'sluice-redis-install.failed');

/**
 * The path of a Redis server: one on the PATH, else one that the system's package manager installs without asking
 * (as root, with apt-get). Undefined when there is neither.
 */
export async function redisProgram(): Promise<string | undefined> {
  return (await onPath(SERVERS)) ?? (await installed());
}

async function onPath(names: readonly string[]): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of names) {
      const file = join(folder, name);
      const found = await access(file, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (found) return file;
    }
  }
  return undefined;
}

/** Installs once, however many test processes ask at the same time; one that failed is not repeated for a while. */
async function installed(): Promise<string | undefined> {
  if (process.getuid?.() !== 0 || (await onPath(['apt-get'])) === undefined) return undefined;
  for (;;) {
    if ((await ageMs(FAILED)) < 600_000) return undefined;
    const lock = await open(LOCK, 'wx').catch(() => undefined);
    if (lock !== undefined) {
      await lock.close();
      try {
        const found = (await onPath(SERVERS)) ?? (await install());
        if (found === undefined) await writeFile(FAILED, '');
        return found;
      } finally {
        await rm(LOCK, { force: true });
      }
    }
    // Whoever held it may have been killed.
    if ((await ageMs(LOCK)) > 2 * INSTALL_MS) await rm(LOCK, { force: true });
    await sleep(200);
    const found = await onPath(SERVERS);
    if (found !== undefined && (await ageMs(LOCK)) === Infinity) return found;
  }
}

async function install(): Promise<string | undefined> {
  const options = { command: 'apt-get', timeoutMs: INSTALL_MS };
  await run({ ...options, args: ['update'] });
  await run({ ...options, args: ['install', '-y', '--no-install-recommends', 'redis-server'] });
  return onPath(SERVERS);
}

async function ageMs(file: string): Promise<number> {
  return stat(file).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => Infinity,
  );
}
