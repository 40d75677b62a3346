import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { redisProgram } from '../support/redis-program.ts';

const PEERS = fileURLToPath(new URL('peers', import.meta.url));

/** Written by pnpm when an installation is complete. */
const INSTALLED = `${PEERS}/node_modules/.modules.yaml`;

/** The subjects that need packages from `peers/`, which the repository's own install leaves out. */
const SUBJECTS_WITH_PEERS: ReadonlySet<string> = new Set(['reply-from']);

/** The subjects that need a Redis server. */
const SUBJECTS_WITH_REDIS: ReadonlySet<string> = new Set(['rate-limit-redis']);

/** Whether a subject can start, after installing what it needs if that is possible within `timeoutMs`. */
export async function isAvailable(subject: string, timeoutMs: number): Promise<boolean> {
  if (SUBJECTS_WITH_REDIS.has(subject)) return (await redisProgram()) !== undefined;
  if (!SUBJECTS_WITH_PEERS.has(subject) || existsSync(INSTALLED)) return true;
  process.stderr.write(`Installing the packages of ${subject} in test/bench/peers …\n`);
  await install(timeoutMs);
  return existsSync(INSTALLED);
}

function install(timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const args = [
      '--yes',
      'pnpm@12.21.0',
      'install',
      '--ignore-workspace',
      '--ignore-scripts',
      '--frozen-lockfile',
    ];
    // A process group of its own, because npx would leave pnpm behind when it is killed; stdout is for the result.
    const child = spawn('npx', [...args, '--dir', PEERS], { stdio: ['ignore', 2, 2], detached: true });
    const kill = (): void => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    };
    const timer = setTimeout(kill, timeoutMs);
    process.once('exit', kill);
    const finish = (): void => {
      clearTimeout(timer);
      process.off('exit', kill);
      resolve();
    };
    child.once('exit', finish).once('error', finish);
  });
}
