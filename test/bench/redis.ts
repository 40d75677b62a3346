import { spawn } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { redisProgram } from '../support/redis-program.ts';

/** Ends the server when whoever has started it is gone: a subject is killed, and can end nothing any more. */
const UNTIL_STDIN_ENDS = '"$0" "$@" >&2 & cat >/dev/null; kill $!';

/** A Redis for one subject, behind a socket of its own. It keeps nothing, and ends with the subject. */
export async function redisForSubject(): Promise<Redis> {
  const program = await redisProgram();
  if (program === undefined) throw new Error('there is no Redis server');
  const path = join(await mkdtemp(join(tmpdir(), 'sluice-bench-')), 'redis.sock');
  const server = [
    '--port',
    '0',
    '--unixsocket',
    path,
    '--save',
    '',
    '--appendonly',
    'no',
    '--loglevel',
    'warning',
  ];
  spawn('sh', ['-c', UNTIL_STDIN_ENDS, program, ...server], { stdio: ['pipe', 'ignore', 'ignore'] }).unref();
  const redis = new Redis(path, { retryStrategy: () => 50 });
  redis.on('error', () => undefined);
  await redis.ping();
  return redis;
}
