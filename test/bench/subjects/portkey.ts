import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';
import { SLOT_HEADER } from '../canned.ts';
import type { Headers } from '../subject.ts';

// Not a dependency of the repository: `bench.ts` installs it next to this, and only when it is asked for.
const peer = createRequire(new URL('../peers/portkey/package.json', import.meta.url));

/** `@portkey-ai/gateway` as it comes: its own program, without a configuration, without plugins. */
export async function start(): Promise<number> {
  const port = await freePort();
  process.argv = [...process.argv.slice(0, 2), `--port=${port}`, '--headless'];
  await import(pathToFileURL(peer.resolve('@portkey-ai/gateway/build/start-server.js')).href);
  return port;
}

/** Each request says where it goes. */
export function requestHeaders(upstreamUrl: string): Headers {
  return {
    'x-portkey-provider': 'anthropic',
    'x-portkey-custom-host': `${upstreamUrl}/v1`,
    'x-portkey-forward-headers': SLOT_HEADER,
  };
}

/** The program does not take 0. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
