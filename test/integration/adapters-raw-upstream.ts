import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** A request as the strict upstream read it off the wire. */
export interface StrictRequest {
  readonly line: string;
  /** Names as they were on the wire. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** An upstream that reads HTTP by the letter. */
export interface StrictUpstream extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly requests: StrictRequest[];
  /** What no correct client sends. A request is not answered while anything follows it on its connection. */
  readonly violations: string[];
}

const REQUEST_LINE = /^(?:GET|POST|DELETE) \/[!-~]* HTTP\/1\.1$/;
// RFC 9110 §5.5: visible ASCII, spaces, tabs and obs-text. Bytes are read as latin1.
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?((?:[!-~\x80-\xff]+(?:[ \t]+[!-~\x80-\xff]+)*)?)$/;
const ANSWER = '{"id":"msg_1","type":"message","content":[],"object":"chat.completion"}';

/** Starts one. Every request is answered with a small JSON object. */
export async function strictUpstream(): Promise<StrictUpstream> {
  const requests: StrictRequest[] = [];
  const violations: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    let bytes = '';
    let turn: NodeJS.Immediate | undefined;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.toString('latin1');
      const request = readRequest(bytes);
      if (typeof request === 'string') violations.push(`${request}: ${JSON.stringify(bytes.slice(0, 500))}`);
      if (request === undefined || typeof request === 'string') return;
      // Whatever was smuggled behind the request comes in the same segment or the next turn.
      clearImmediate(turn);
      turn = setImmediate(() => {
        if (bytes.length > request.length)
          violations.push(`bytes after a request: ${bytes.slice(request.length)}`);
        bytes = '';
        requests.push(request);
        socket.write(
          `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${ANSWER.length}\r\n\r\n${ANSWER}`,
        );
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    violations,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** The first request in the bytes, undefined while it is not whole, or what is wrong with it. */
function readRequest(bytes: string): (StrictRequest & { readonly length: number }) | string | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [line = '', ...lines] = bytes.slice(0, end).split('\r\n');
  if (!REQUEST_LINE.test(line)) return 'bad request line';
  const headers: [string, string][] = [];
  for (const each of lines) {
    const [, name, value] = HEADER_LINE.exec(each) ?? [];
    if (name === undefined || value === undefined) return `bad header line ${JSON.stringify(each)}`;
    headers.push([name.toLowerCase(), value]);
  }
  const all = (name: string): string[] => headers.filter(([each]) => each === name).map(([, value]) => value);
  if (all('host').length !== 1) return 'not exactly one host';
  if (all('transfer-encoding').length > 0) return 'a transfer-encoding';
  for (const name of [
    'te',
    'trailer',
    'upgrade',
    'expect',
    'keep-alive',
    'proxy-authorization',
    'cookie',
    'http2-settings',
  ]) {
    if (all(name).length > 0) return `a ${name}`;
  }
  if (all('connection').some((value) => value !== 'keep-alive')) return 'a connection with a nomination';
  const lengths = all('content-length');
  if (lengths.length > 1 || lengths.some((value) => !/^\d+$/.test(value))) return 'bad content-length';
  const isBodyless = line.startsWith('GET') || line.startsWith('DELETE');
  const length = Number(lengths[0] ?? 0);
  if (isBodyless && length > 0) return 'a body that need not be read';
  if (!isBodyless && lengths.length === 0) return 'no content-length';
  const whole = end + 4 + length;
  if (bytes.length < whole) return undefined;
  return { line, headers, body: bytes.slice(end + 4, whole), length: whole };
}
