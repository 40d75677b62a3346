import type { Socket } from 'node:net';
import { buildConnector } from 'undici';
import type { Clock } from '../clock.ts';
import { PipelineError } from '../errors.ts';

/** Errors of connections that had served an answer before; see {@link failedOnReuse}. */
const failuresOnReuse = new WeakSet<object>();

/**
 * Whether an error came from a keep-alive connection that had served an earlier answer and not a byte of this one. The
 * upstream closed it while our request was on its way: nothing is wrong with either, and a fresh connection will do.
 */
export function failedOnReuse(error: unknown): boolean {
  return typeof error === 'object' && error !== null && failuresOnReuse.has(error);
}

/** What a connection needs. */
export interface ConnectorOptions {
  readonly clock: Clock;
  /** TCP and TLS set-up together, in milliseconds. */
  readonly connectMs: number;
  /** PEM certificates to trust beside the system's. */
  readonly ca?: string | readonly string[];
}

/** undici's connector with our own clock around it: undici's fires up to a second late and leaves TLS out of reach. */
export function connector({ clock, connectMs, ca }: ConnectorOptions): buildConnector.connector {
  const connect = buildConnector({
    timeout: 0,
    allowH2: false,
    keepAlive: true,
    keepAliveInitialDelay: 15_000,
    ...(ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] }),
  });
  return (options, callback) => {
    let settled = false;
    const timer = clock.setTimeout(() => {
      if (settled) return;
      settled = true;
      const error = new PipelineError('connect_timeout');
      socket?.destroy();
      callback(error, null);
    }, connectMs);
    // undici's connector returns the socket that it is connecting, which its type does not say.
    const socket = connect(options, (...result) => {
      if (settled) return;
      settled = true;
      clock.clearTimeout(timer);
      // What undici passes for a failure is one argument, whatever its type says.
      const connected = result[1] as Socket | null | undefined;
      if (connected) watchReuse(connected);
      callback(...result);
    }) as unknown as Socket | undefined;
  };
}

function watchReuse(socket: Socket): void {
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  /** What had been read when the latest request was written. More than that: its answer had begun. */
  let readBefore = 0;
  socket.write = (...args: unknown[]) => {
    readBefore = socket.bytesRead;
    return write(...args);
  };
  // Runs before undici's own listener, which passes the same error object on to the request.
  socket.on('error', (error) => {
    if (readBefore > 0 && socket.bytesRead === readBefore) failuresOnReuse.add(error);
  });
}
