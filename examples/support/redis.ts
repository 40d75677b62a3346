import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createInterface } from 'node:readline';

/** A Redis that an example may use. */
export interface ExampleRedis extends AsyncDisposable {
  /** For instance `redis://127.0.0.1:6379`. */
  readonly url: string;
}

/** That of `REDIS_URL`, else a `redis-server` of the PATH, which is gone when the example ends, else none. */
export async function redisOrNone(): Promise<ExampleRedis | undefined> {
  const given = process.env['REDIS_URL'];
  if (given) return { url: given, [Symbol.asyncDispose]: async () => {} };
  const port = await freePort();
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const missing = once(server, 'error').then(() => true);
  const ready = (async () => {
    for await (const line of createInterface(server.stdout))
      if (line.includes('Ready to accept')) return false;
    return true;
  })();
  if (await Promise.race([missing, ready])) return undefined;
  server.stdout.resume();
  return {
    url: `redis://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const ended = once(server, 'exit');
      server.kill();
      await ended;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
