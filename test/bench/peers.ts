import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { redisProgram } from '../support/redis-program.ts';

/** The subjects that are not ours: their packages are in `peers/<name>`, which the repository's own install leaves out. */
const PEERS: ReadonlySet<string> = new Set(['reply-from', 'portkey']);

/** The subjects that need a Redis server. */
const SUBJECTS_WITH_REDIS: ReadonlySet<string> = new Set(['rate-limit-redis', 'standard-redis']);

/** Whether a subject is somebody else's work. When it fails, the others go on. */
export function isPeer(subject: string): boolean {
  return PEERS.has(subject);
}

/** Whether a subject can start, after installing what it needs if that is possible within `timeoutMs`. */
export async function isAvailable(subject: string, timeoutMs: number): Promise<boolean> {
  if (SUBJECTS_WITH_REDIS.has(subject)) return (await redisProgram()) !== undefined;
  if (!isPeer(subject)) return true;
  const folder = fileURLToPath(new URL(`peers/${subject}`, import.meta.url));
  // Written by pnpm when an installation is complete.
  const installed = `${folder}/node_modules/.modules.yaml`;
  if (existsSync(installed)) return true;
  process.stderr.write(`Installing the packages of ${subject} in test/bench/peers …\n`);
  await install(folder, timeoutMs);
  return existsSync(installed);
}

function install(folder: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const args = ['--yes', 'pnpm@12.21.0', 'install', '--ignore-scripts', '--frozen-lockfile'];
    // A process group of its own, because npx would leave pnpm behind when it is killed; stdout is for the result.
    const child = spawn('npx', [...args, '--dir', folder], { stdio: ['ignore', 2, 2], detached: true });
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
