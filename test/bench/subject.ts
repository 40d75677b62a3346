import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a file in `subjects/` exports. It runs in a process of its own, which is killed in the end. */
export interface Subject {
  /** Starts a proxy in front of the upstream on a free port of 127.0.0.1, and returns that port. */
  start(upstreamUrl: string): Promise<number>;
}

export type ToHost = 'cpu';

export type FromHost =
  | { readonly type: 'ready'; readonly port: number }
  | { readonly type: 'cpu'; readonly cpuUsage: NodeJS.CpuUsage };

/** Serves with plain `node:http` on a free port, and returns that port. */
export async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  // Longer than the others' turns take, so that the connections of a round last for the round.
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}
