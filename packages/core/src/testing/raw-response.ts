/** An HTTP/1.1 response as it was on the wire. */
export interface RawResponse {
  /** From the status line. */
  readonly status: number;
  /** Names as they were written, in order, with repetitions. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The value of a header by its name in whatever case; of several, the first. */
  header(name: string): string | undefined;
  /** The HTTP chunks, or the body in one piece. An incomplete last chunk is included. */
  readonly chunks: readonly Buffer[];
  /** The body without its framing. */
  readonly body: Buffer;
  /** What the framing says: all is there. Without framing: always true. */
  readonly complete: boolean;
  /** What came after the end of the response. Empty without framing. */
  readonly rest: Buffer;
}

/** Reads the first response in what a connection delivered. Undefined: there is no whole head. */
export function rawResponse(bytes: Buffer): RawResponse | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  const header = (name: string): string | undefined =>
    headers.find(([each]) => each.toLowerCase() === name.toLowerCase())?.[1];
  const framed = readBody(bytes.subarray(end + 4), header);
  return {
    status: Number(first.split(' ')[1]),
    headers,
    header,
    ...framed,
    body: Buffer.concat(framed.chunks),
  };
}

type Framed = Pick<RawResponse, 'chunks' | 'complete' | 'rest'>;

function readBody(bytes: Buffer, header: (name: string) => string | undefined): Framed {
  if (header('transfer-encoding') !== undefined) return readChunks(bytes);
  const length = header('content-length');
  if (length === undefined) return { chunks: [bytes], complete: true, rest: Buffer.alloc(0) };
  const body = bytes.subarray(0, Number(length));
  return { chunks: [body], complete: body.length === Number(length), rest: bytes.subarray(body.length) };
}

function readChunks(bytes: Buffer): Framed {
  const chunks: Buffer[] = [];
  let at = 0;
  for (;;) {
    const line = bytes.indexOf('\r\n', at);
    if (line === -1) return { chunks, complete: false, rest: Buffer.alloc(0) };
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16);
    const end = line + 2 + size;
    if (size === 0) {
      const complete = bytes.length >= end + 2;
      return { chunks, complete, rest: bytes.subarray(end + 2) };
    }
    chunks.push(bytes.subarray(line + 2, end));
    if (!(bytes.length >= end + 2)) return { chunks, complete: false, rest: Buffer.alloc(0) };
    at = end + 2;
  }
}
