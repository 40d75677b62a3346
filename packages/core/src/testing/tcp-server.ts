import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** A bare TCP server on a loopback port. */
export interface TcpServer extends AsyncDisposable {
  /** For instance `http://127.0.0.1:40123`, without a final slash. */
  readonly url: string;
  /** The port it listens on. */
  readonly port: number;
}

/**
 * Starts a server that does with each connection what it is told: for faults that `fakeUpstream` does not know.
 *
 * @param onConnection Gets each connection, counted from 1. Errors of the socket need no care.
 */
export async function tcpServer(onConnection: (socket: Socket, n: number) => void): Promise<TcpServer> {
  const sockets = new Set<Socket>();
  let n = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    onConnection(socket, ++n);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}
