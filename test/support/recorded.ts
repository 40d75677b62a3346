import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** A request and its answer as they are on the wire. */
export interface Exchange {
  readonly name: string;
  readonly request: {
    readonly method: string;
    /** With its query. */
    readonly path: string;
    /** Lower-case names; none that frame the body. */
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Buffer | null;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Buffer;
  };
}

interface Recording {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly bodyEncoding?: 'base64';
    readonly body: string;
  };
}

/** The collection lies beside the checkout on our machines, not in the repository. */
const ROOT = new URL('../../../shared/fixtures/', import.meta.url);
const FOLDERS = ['anthropic', 'openai', 'bedrock'];

/** What belongs to the connection on which it was recorded. */
const FRAMING = new Set(['accept-encoding', 'connection', 'content-length', 'host', 'transfer-encoding']);

/** Recorded traffic; empty where the collection is not at hand. */
export function recorded(): Exchange[] {
  if (!existsSync(ROOT)) return [];
  return FOLDERS.flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, ROOT)).map((file) =>
      exchange(folder, JSON.parse(readFileSync(new URL(`${folder}/${file}`, ROOT), 'utf8')) as Recording),
    ),
  );
}

function exchange(folder: string, { name, request, response }: Recording): Exchange {
  const headers = Object.entries(request.headers).filter(([header]) => !FRAMING.has(header));
  return {
    name: `${folder}/${name}`,
    request: { ...request, headers: Object.fromEntries(headers), body: bytesOf(request.body) },
    response: { ...response, body: Buffer.from(response.body, response.bodyEncoding ?? 'utf8') },
  };
}

/** The recorders have parsed the JSON. It is written as nobody would write it, so that a parser in between shows. */
export function oddJson(value: unknown): Buffer {
  const spaced = JSON.stringify(value, null, 1).replaceAll('\n', '\r\n\t ');
  return Buffer.from(` ${spaced.replaceAll(/\p{Script=Han}/gu, escaped)} \n`);
}

function escaped(character: string): string {
  return [...Array(character.length).keys()]
    .map((i) => `\\u${character.charCodeAt(i).toString(16)}`)
    .join('');
}

function bytesOf(body: unknown): Buffer | null {
  if (body === null || body === undefined) return null;
  return typeof body === 'string' ? Buffer.from(body) : oddJson(body);
}
