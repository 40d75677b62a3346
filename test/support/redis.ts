import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe } from 'vitest';
import { redisProgram } from './redis-program.ts';

/** How a server is set up, beside its port and that it keeps nothing. */
export interface RedisServerOptions {
  /** Beyond it, writes fail with `OOM` (`maxmemory-policy noeviction`). Default: no bound. */
  readonly maxMemoryBytes?: number;
  /** Further arguments, such as `--requirepass`. */
  readonly args?: readonly string[];
}

/** A Redis server of the test's own: a process on a free loopback port that writes nothing to disk. */
export interface RedisServer extends AsyncDisposable {
  /** For instance `redis://127.0.0.1:40123`. */
  readonly url: string;
  /** It stays the same when the server is started again. */
  readonly port: number;
  /** Ends the process in order, as for a new version. Disposing of the server does the same to one that runs. */
  stop(): Promise<void>;
  /** Ends the process at once (SIGKILL). */
  kill(): Promise<void>;
  /** Stops the process where it stands (SIGSTOP): connections stay open, nothing answers. */
  freeze(): void;
  /** Lets a frozen process go on (SIGCONT). */
  thaw(): void;
  /** Starts a stopped or killed server again, empty, on the same port. */
  restart(): Promise<void>;
}

const program = await redisProgram();
const given = process.env['REDIS_URL'];

/** `describe` for tests that need a Redis server to kill, freeze or fill. Without one the suite is skipped, by name. */
export const describeWithOwnRedis = program === undefined ? describe.skip : describe;

/** `describe` for tests that any Redis server does for, `REDIS_URL` too. Without one the suite is skipped, by name. */
export const describeWithRedis = program === undefined && given === undefined ? describe.skip : describe;

/** A server that the tests may write to under names of their own: that of `REDIS_URL`, else a new one. */
export async function redisForTests(): Promise<{ readonly url: string } & AsyncDisposable> {
  if (given === undefined) return startRedis();
  return { url: given, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** Starts a server of the test's own. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-redis-'));
  const port = await freePort();
  const start = (): Promise<ChildProcess> => startProcess(port, folder, options);
  let running: ChildProcess | undefined = await start();
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const child = running;
    if (child === undefined) return;
    running = undefined;
    const exited = once(child, 'exit');
    child.kill(signal);
    // A frozen process would not hear the request to end.
    child.kill('SIGCONT');
    await exited;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    freeze: () => void running?.kill('SIGSTOP'),
    thaw: () => void running?.kill('SIGCONT'),
    async restart() {
      running ??= await start();
    },
    async [Symbol.asyncDispose]() {
      await end('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A port that nobody listens on, low enough for a cluster's second one 10 000 above it. */
async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await new Promise((done) => server.close(done));
    if (port < 55_536) return port;
  }
}

async function startProcess(
  port: number,
  folder: string,
  options: RedisServerOptions,
): Promise<ChildProcess> {
  if (program === undefined) throw new Error('there is no Redis server; use describeWithOwnRedis');
  const { maxMemoryBytes, args = [] } = options;
  const memory =
    maxMemoryBytes === undefined
      ? []
      : ['--maxmemory', String(maxMemoryBytes), '--maxmemory-policy', 'noeviction'];
  const child = spawn(
    program,
    [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--save',
      '',
      '--appendonly',
      'no',
      ...memory,
      ...args,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  // Nothing stays behind when the test process ends early.
  const killed = (): void => void child.kill('SIGKILL');
  process.on('exit', killed);
  child.on('exit', () => process.off('exit', killed));

  const said: string[] = [];
  const lines = createInterface(child.stdout);
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`redis ended with ${code}: ${said.join('\n')}`)));
    lines.on('line', (line) => {
      if (said.length < 100) said.push(line);
      if (/ready to accept connections/i.test(line)) resolve();
    });
  });
  child.unref();
  return child;
}
