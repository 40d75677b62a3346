import type { Socket } from 'node:net';
import { buildConnector } from 'undici';
import type { Clock } from '../clock.ts';
import { PipelineError } from '../errors.ts';
import { proxyFailure, upstreamFailure } from './failure.ts';
import { openTunnel } from './tunnel.ts';

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
  /** TCP, proxy and TLS set-up together, in milliseconds. */
  readonly connectMs: number;
  /** PEM certificates to trust in place of the system's. */
  readonly ca?: string | readonly string[] | undefined;
  /** URL of a forward proxy. */
  readonly proxy?: string | undefined;
}

/** undici's connector with our own clock around it: undici's fires up to a second late and leaves TLS out of reach. */
export function connector({ clock, connectMs, ca, proxy }: ConnectorOptions): buildConnector.connector {
  const direct = buildConnector({
    timeout: 0,
    allowH2: false,
    keepAlive: true,
    keepAliveInitialDelay: 15_000,
    ...(ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] }),
  }) as unknown as Connect;
  const connect = proxy === undefined ? direct : throughProxy(new URL(proxy), direct);
  return (options, callback) => {
    let settled = false;
    const settle = (error: Error | null, socket?: Socket | null): void => {
      if (settled) return;
      settled = true;
      clock.clearTimeout(timer);
      if (socket) {
        watchReuse(socket);
        callback(null, socket);
      } else {
        callback(connectFailure(error), null);
      }
    };
    const timer = clock.setTimeout(() => {
      settle(new PipelineError('connect_timeout'));
      pending?.destroy();
    }, connectMs);
    const pending = connect(options, settle);
  };
}

/** A connection that is lost before it stands has carried nothing. */
function connectFailure(error: Error | null): PipelineError {
  const failure = upstreamFailure(error, false);
  return failure.code === 'connection_lost' ? new PipelineError('connect_failed', { cause: error }) : failure;
}

/** undici's connector as it is: it returns the socket it is connecting, and calls back without one when it fails. */
type Connect = (
  options: buildConnector.Options,
  callback: (error: Error | null, socket?: Socket | null) => void,
) => { destroy(): unknown } | undefined;

function throughProxy(proxy: URL, direct: Connect): Connect {
  return (options, callback) => {
    const { hostname, protocol } = options;
    const port = options.port === '' ? (protocol === 'https:' ? '443' : '80') : options.port;
    const host = hostname.includes(':') ? `[${hostname}]` : hostname;
    let giveUp: () => unknown = openTunnel(proxy, `${host}:${port}`, (error, socket) => {
      if (error !== null || socket === undefined) {
        callback(proxyFailure(error));
      } else if (protocol === 'https:') {
        const secure = direct({ ...options, httpSocket: socket }, callback);
        giveUp = () => secure?.destroy();
      } else {
        callback(null, socket);
      }
    });
    return { destroy: () => giveUp() };
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
