import { connect } from 'node:net';

/** A response as it was on the wire. */
export interface WireResponse {
  readonly status: number;
  /** Lower-case names; of several with one name, the last. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Sends bytes, in one write each, and reads until the server closes.
 *
 * @returns The responses, interim ones among them.
 */
export async function exchange(
  port: number,
  ...writes: readonly (string | Buffer)[]
): Promise<WireResponse[]> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      resolve();
    });
    // A reset after an answer is as good an end as another.
    socket.on('error', () => undefined);
  });
  // latin1, so that a test can write any byte as a character.
  for (const bytes of writes) socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  await closed;
  return readResponses(Buffer.concat(chunks));
}

/** All responses in what a connection delivered. */
function readResponses(bytes: Buffer): WireResponse[] {
  const responses: WireResponse[] = [];
  let rest = bytes.toString('latin1');
  while (rest.includes('\r\n\r\n')) {
    const end = rest.indexOf('\r\n\r\n');
    const [line = '', ...lines] = rest.slice(0, end).split('\r\n');
    const headers = Object.fromEntries(
      lines.map((each) => [
        each.slice(0, each.indexOf(':')).toLowerCase(),
        each.slice(each.indexOf(':') + 1).trim(),
      ]),
    );
    const status = Number(line.split(' ')[1]);
    const [body, length] = readBody(rest.slice(end + 4), headers, status);
    responses.push({ status, headers, body });
    rest = rest.slice(end + 4 + length);
  }
  return responses;
}

function readBody(
  rest: string,
  headers: Readonly<Record<string, string>>,
  status: number,
): [body: string, length: number] {
  if (status < 200 || status === 204 || status === 304) return ['', 0];
  if (headers['transfer-encoding'] !== 'chunked') {
    const length = Number(headers['content-length'] ?? rest.length);
    return [rest.slice(0, length), length];
  }
  let body = '';
  let at = 0;
  for (;;) {
    const line = rest.indexOf('\r\n', at);
    if (line < 0) return [body, rest.length];
    const size = Number.parseInt(rest.slice(at, line), 16);
    body += rest.slice(line + 2, line + 2 + size);
    at = line + 4 + size;
    if (size === 0) return [body, at];
  }
}
