import type { BodyFacts } from './body-facts.ts';
import { type BodySource, bytesSource, readAll, sourceStream, streamSource } from './body.ts';
import { EventSource, type EventReader } from './event-reader.ts';

/** Largest body that `text()`, `json()` and their like collect in memory. */
const MAX_COLLECTED_BYTES = 1 << 30;

/** Fetch's "UTF-8 decode": a byte order mark is dropped, bad bytes become U+FFFD. */
const utf8 = new TextDecoder();

/** A body in the form its plugins work on: bytes, or events for an event stream. */
export type ResponseBody = { readonly bytes: BodySource } | { readonly events: EventReader };

/** Headers to be set, by lower-case name; undefined: to be removed. */
export type HeaderChanges = Readonly<Record<string, string | undefined>>;

/** Takes away the headers that describe the bytes of a body, and are wrong once a plugin changes them. */
export const OF_OTHER_BYTES: HeaderChanges = {
  'content-length': undefined,
  'content-md5': undefined,
  'content-digest': undefined,
  digest: undefined,
  etag: undefined,
  'accept-ranges': undefined,
};

/** What a header's value may not hold (RFC 9110 §5.5); a socket would refuse it when the answer has long been accepted. */
const NO_HEADER_VALUE = /[^\t\u0020-\u007e\u0080-\u00ff]/;

/** What a {@link LazyResponse} is made of. */
export interface ResponseParts {
  readonly status: number;
  readonly statusText: string;
  /** Lower-case names. An array only for `set-cookie`. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** Null where HTTP allows none (204, 205, 304, HEAD). */
  readonly body: ResponseBody | null;
  readonly facts: BodyFacts;
}

/**
 * A web-standard `Response` that creates its `Headers` and its `ReadableStream` only when somebody touches them.
 * Creating them costs more than everything else that the pipeline does for a call; an adapter that writes to a
 * socket needs neither. `instanceof Response` holds, and every member behaves as the standard says.
 */
export class LazyResponse {
  readonly status: number;
  readonly statusText: string;
  readonly type = 'default' as const;
  readonly url = '';
  readonly redirected = false;
  readonly #facts: BodyFacts;
  #record: Readonly<Record<string, string | string[]>>;
  #headers: Headers | undefined;
  #body: ResponseBody | null;
  #used = false;
  #real: Response | undefined;
  /** A clone reads along: the body is a branch of a stream from then on. */
  #cloned = false;

  private constructor(parts: ResponseParts) {
    this.status = parts.status;
    this.statusText = parts.statusText;
    this.#record = parts.headers;
    this.#body = parts.body;
    this.#facts = parts.facts;
  }

  /** Makes one, typed as what it passes for. */
  static from(parts: ResponseParts): Response {
    return new LazyResponse(parts) as unknown as Response;
  }

  /** Whether a response is one of these; then the functions below need no detour through web streams. */
  static is(response: Response): boolean {
    return #facts in response;
  }

  /** What has been seen of the body; undefined for a foreign response. */
  static factsOf(response: Response): BodyFacts | undefined {
    return #facts in response ? (response as unknown as LazyResponse).#facts : undefined;
  }

  /** Takes the body away, to be replaced or read. The response counts as used from then on. */
  static takeBody(response: Response): ResponseBody | null {
    if (!(#facts in response)) {
      return response.body === null ? null : { bytes: streamSource(response.body) };
    }
    const lazy = response as unknown as LazyResponse;
    if (lazy.bodyUsed)
      throw new TypeError('The response body has been read already: a plugin must return what it read anew.');
    const stream = lazy.#real?.body;
    if (stream && (lazy.#cloned || stream.locked)) {
      const source = streamSource(stream);
      lazy.#used = true;
      return { bytes: source };
    }
    // Merely looked at, for which `console.log` is enough: nothing was pulled yet, and its form can be kept. Whoever
    // still holds the stream is kept from reading it.
    if (stream) void stream.getReader();
    lazy.#real = undefined;
    lazy.#used = true;
    return lazy.#body;
  }

  /** Puts a body back in the place of the one taken. Headers that described the old bytes are the caller's care. */
  static putBody(response: Response, body: ResponseBody | null): Response {
    const lazy = response as unknown as LazyResponse;
    lazy.#body = body;
    lazy.#used = false;
    lazy.#real = undefined;
    lazy.#cloned = false;
    return response;
  }

  /** The headers as a plain record; of a foreign response too. */
  static headerRecord(response: Response): Readonly<Record<string, string | string[]>> {
    if (#facts in response) {
      const lazy = response as unknown as LazyResponse;
      if (lazy.#headers === undefined) return lazy.#record;
    }
    const record: Record<string, string | string[]> = {};
    for (const [name, value] of response.headers) {
      if (name === 'set-cookie') record[name] = response.headers.getSetCookie();
      else record[name] = value;
    }
    return record;
  }

  /** One header's value, without creating `Headers`. */
  static header(response: Response, name: string): string | undefined {
    if (#facts in response) {
      const lazy = response as unknown as LazyResponse;
      if (lazy.#headers === undefined) {
        const value = lazy.#record[name];
        return Array.isArray(value) ? value.join(', ') : value;
      }
    }
    return response.headers.get(name) ?? undefined;
  }

  /** Sets headers; undefined removes one. Creates no `Headers` where there are none yet. */
  static changeHeaders(response: Response, changes: HeaderChanges): void {
    const lazy = #facts in response ? (response as unknown as LazyResponse) : undefined;
    if (lazy !== undefined && lazy.#headers === undefined) {
      let record: Record<string, string | string[]> | undefined;
      for (const name of Object.keys(changes)) {
        const value = changes[name];
        // Most headers that are to go are not there, and `delete` makes a slow dictionary of the record.
        if (value === undefined && lazy.#record[name] === undefined) continue;
        record ??= { ...lazy.#record };
        if (value === undefined) delete record[name];
        else record[name] = checkedValue(value);
      }
      if (record !== undefined) lazy.#record = record;
      return;
    }
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined) response.headers.delete(name);
      else response.headers.set(name, value);
    }
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299;
  }

  get headers(): Headers {
    if (this.#headers === undefined) {
      const headers = new Headers();
      for (const [name, value] of Object.entries(this.#record)) {
        if (Array.isArray(value)) for (const one of value) headers.append(name, one);
        else headers.set(name, value);
      }
      this.#headers = headers;
    }
    return this.#headers;
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#realise().body as ReadableStream<Uint8Array> | null;
  }

  get bodyUsed(): boolean {
    return this.#used || this.#real?.bodyUsed === true;
  }

  async text(): Promise<string> {
    return this.#real === undefined ? utf8.decode(await this.#collect()) : this.#real.text();
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text()) as unknown;
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = await this.bytes();
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#real !== undefined) return new Uint8Array(await this.#real.arrayBuffer());
    return new Uint8Array(await this.#collect());
  }

  async blob(): Promise<Blob> {
    return this.#realise().blob();
  }

  async formData(): Promise<FormData> {
    return this.#realise().formData();
  }

  clone(): Response {
    const copy = this.#realise().clone();
    this.#cloned = true;
    return copy;
  }

  get [Symbol.toStringTag](): string {
    return 'Response';
  }

  #collect(): Promise<Buffer<ArrayBuffer>> {
    if (this.#used) return Promise.reject(new TypeError('Body is unusable: Body has already been read'));
    if (this.#body === null) return Promise.resolve(Buffer.alloc(0));
    this.#used = true;
    const tooLarge = (): Error => new RangeError(`The body is larger than ${MAX_COLLECTED_BYTES} bytes`);
    return readAll(bodySource(this.#body), MAX_COLLECTED_BYTES, tooLarge);
  }

  /** The real thing, made once somebody needs what only it can do. */
  #realise(): Response {
    if (this.#real === undefined) {
      const stream = this.#body === null ? null : sourceStream(bodySource(this.#body));
      this.#real = new Response(stream, {
        status: this.status,
        statusText: this.statusText,
        headers: this.headers,
      });
      if (this.#used) void this.#real.body?.getReader();
    }
    return this.#real;
  }
}

Object.setPrototypeOf(LazyResponse.prototype, Response.prototype);

function checkedValue(value: string): string {
  if (NO_HEADER_VALUE.test(value))
    throw new TypeError('a header value holds a character that no header may hold');
  return value;
}

/** A body as bytes, whatever form it has. */
export function bodySource(body: ResponseBody, facts?: BodyFacts): BodySource {
  if ('events' in body) return new EventSource(body.events, facts);
  const { bytes } = body;
  const terminated = facts?.terminated;
  if (terminated === undefined) return bytes;
  // Whoever makes another response of it, or keeps it, has to know that it is a refusal.
  return {
    terminated,
    pull: (wake) => bytes.pull(wake),
    cancel: (reason) => {
      bytes.cancel(reason);
    },
  };
}

/** The body of any response as a source; the response counts as used. */
export function takeSource(response: Response): BodySource {
  const body = LazyResponse.takeBody(response);
  if (body === null) return bytesSource(new Uint8Array());
  return bodySource(body, LazyResponse.factsOf(response));
}

/** A response's headers as a plain record of lower-case names, without creating `Headers`. */
export function headerRecord(response: Response): Readonly<Record<string, string | string[]>> {
  return LazyResponse.headerRecord(response);
}

/**
 * Sets headers of a response; undefined removes one. The same as through `response.headers`, at a fraction of the cost:
 * it creates no `Headers`.
 *
 * @throws TypeError For a value that no header may hold, or a response whose headers are immutable.
 */
export function changeHeaders(response: Response, changes: HeaderChanges): void {
  LazyResponse.changeHeaders(response, changes);
}
