import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An app that listens. */
export interface Listening extends AsyncDisposable {
  /** For instance `http://127.0.0.1:8787`, without a final slash. */
  readonly url: string;
}

/** Listens on this machine alone: on `PORT` if it is set, else on 8787 or the next port that is free. */
export async function listen(
  app: (req: IncomingMessage, res: ServerResponse) => unknown,
): Promise<Listening> {
  const server = createServer((req, res) => void app(req, res));
  const wanted = process.env['PORT'];
  await bind(server, Number(wanted ?? 8787), wanted === undefined ? 20 : 0);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function bind(server: Server, port: number, moreTries: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    if (moreTries === 0) throw new Error(`Port ${port} is taken; set PORT to another.`, { cause: error });
    await bind(server, port + 1, moreTries - 1);
  }
}

/** Resolves at Ctrl+C, or when the process is asked to end. At the second time it ends at once. */
export async function interrupted(): Promise<void> {
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
}
