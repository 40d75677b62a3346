import { createServer, type AddressInfo } from 'node:net';
import { SLOT_HEADER } from '../canned.ts';
import type { Headers } from '../subject.ts';

const PROGRAM = new URL(
  '../peers/portkey/node_modules/@portkey-ai/gateway/build/start-server.js',
  import.meta.url,
);

/** `@portkey-ai/gateway` as it comes: its own program, without a configuration, without plugins. */
export async function start(): Promise<number> {
  const port = await freePort();
  process.argv = [...process.argv.slice(0, 2), `--port=${port}`, '--headless'];
  await import(PROGRAM.href);
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
