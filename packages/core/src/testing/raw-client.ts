import { connect, type Socket } from 'node:net';

const MOST_BYTES = 256 * 2 ** 20;

/** A client's TCP connection that shows exactly what arrives and how it ends. */
export interface RawConnection extends Disposable {
  /** The socket itself, for instance to `pause()` it. */
  readonly socket: Socket;
  /** What arrived, as it arrived. */
  readonly chunks: readonly Buffer[];
  /** Resolved when the other side ends: orderly, or by a reset. Never rejected. */
  readonly ended: Promise<'fin' | 'rst'>;
  /** Sends bytes, of a string its UTF-8. */
  send(bytes: string | Uint8Array): void;
  /**
   * Resolves with all that has arrived since the connection was opened, as soon as `enough` says so of it, or when the
   * other side ends. Default: only then.
   */
  received(enough?: (soFar: Buffer) => boolean): Promise<Buffer>;
  /** Closes the connection at once. */
  close(): void;
}

/** Opens a {@link RawConnection} to the host and port of an `http:` URL. It is closed after 256 MiB. */
export async function rawConnection(url: string): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname.replace(/^\[|\]$/g, ''));
  const chunks: Buffer[] = [];
  const checks = new Set<() => void>();
  const ended = Promise.withResolvers<'fin' | 'rst'>();
  let over = false;
  let length = 0;

  const end = (how: 'fin' | 'rst'): void => {
    over = true;
    ended.resolve(how);
    for (const check of checks) check();
  };
  await new Promise<void>((connected, failed) => {
    socket.once('connect', connected);
    socket.once('error', failed);
  });
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MOST_BYTES) socket.destroy();
    for (const check of checks) check();
  });
  socket.on('error', () => {
    end('rst');
  });
  socket.on('close', () => {
    end('fin');
  });

  const close = (): void => {
    socket.destroy();
  };
  return {
    socket,
    chunks,
    ended: ended.promise,
    send(bytes) {
      socket.write(bytes);
    },
    received: (enough = () => false) =>
      new Promise((resolve) => {
        const check = (): void => {
          const soFar = Buffer.concat(chunks);
          if (!over && !enough(soFar)) return;
          checks.delete(check);
          resolve(soFar);
        };
        checks.add(check);
        check();
      }),
    close,
    [Symbol.dispose]: close,
  };
}

/** What a request is made of. */
export interface RawRequestParts {
  /** Default: `POST`. */
  readonly method?: string;
  /** Default: `/v1/messages`. */
  readonly path?: string;
  /** Added to `host` and `content-length`, or instead of them. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, or an object as JSON. Default: a question to the Messages API. */
  readonly body?: string | object;
}

/** The bytes of an HTTP/1.1 request with a `content-length`. */
export function rawRequest(parts: RawRequestParts = {}): string {
  const { method = 'POST', path = '/v1/messages', headers = {}, body = QUESTION } = parts;
  const content = typeof body === 'string' ? body : JSON.stringify(body);
  const lines = Object.entries({ host: 'fake', 'content-length': Buffer.byteLength(content), ...headers });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `${method} ${path} HTTP/1.1\r\n${head}\r\n${content}`;
}

const QUESTION = {
  model: 'claude-opus-5-5',
  max_tokens: 1024,
  messages: [{ role: 'user', content: 'Two names for a pet pelican' }],
};
