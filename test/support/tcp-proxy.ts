import { connect, type Socket } from 'node:net';
import { tcpServer } from '@sluice/core/testing';

/** A relay between a client and a server, to be slow or to lead elsewhere. */
export interface TcpProxy extends AsyncDisposable {
  /** Where it is, as a Redis URL. */
  readonly url: string;
  /** How long each piece of an answer is held back, in milliseconds. */
  delayMs: number;
  /** The port that new connections are led to. */
  target: number;
  /** Ends all connections. */
  cut(): void;
}

/** Starts a relay to a loopback port. */
export async function tcpProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const server = await tcpServer((near) => {
    const far = connect(proxy.target, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.on('data', (bytes: Buffer) => {
      setTimeout(() => near.write(bytes), proxy.delayMs);
    });
  });
  const proxy: TcpProxy = {
    url: `redis://127.0.0.1:${server.port}`,
    delayMs: 0,
    target,
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      proxy.cut();
      await server[Symbol.asyncDispose]();
    },
  };
  return proxy;
}
