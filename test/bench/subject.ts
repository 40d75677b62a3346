import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Mode } from './canned.ts';
import type { Call } from './sdk.ts';

export type Headers = Readonly<Record<string, string>>;

/** What a file in `subjects/` exports: a proxy or a client. It runs in a process of its own, which is killed in the end. */
export type Subject = ProxySubject | ClientSubject;

export interface ProxySubject {
  /** Starts a proxy in front of the upstream on a free port of 127.0.0.1, and returns that port. */
  start(upstreamUrl: string): Promise<number>;
  /** What a request has to say to get through, beside what the SDK sends. Default: nothing. */
  readonly requestHeaders?: (upstreamUrl: string) => Headers;
}

export interface ClientSubject {
  /** Makes a client of the upstream that does its calls itself. */
  client(upstreamUrl: string): Promise<Call>;
}

/** Asks for what the process has used so far, or a client for calls. */
export type ToHost =
  | { readonly type: 'usage' }
  | { readonly type: 'call'; readonly mode: Mode; readonly inFlight: number; readonly callsPerSlot: number };

export type FromHost =
  | { readonly type: 'ready'; readonly port: number; readonly requestHeaders: Headers }
  | { readonly type: 'usage'; readonly cpuUsage: NodeJS.CpuUsage; readonly rssBytes: number }
  | { readonly type: 'called'; readonly seconds: number };

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
