const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;

const LINE_ENDING = /\r\n|\r|\n/g;
const DATA = Buffer.from('data');
const EVENT = Buffer.from('event');

/**
 * One block of an event stream (WHATWG HTML §9.2.6): everything up to and including a blank line. Keeps the bytes as
 * they came; fields are read from them only when somebody asks.
 */
export class SseEvent {
  /** The block's bytes as received, blank line included. */
  readonly raw: Uint8Array;
  #type: string | undefined;
  #data: string | undefined;
  /** Where the only data line stands, so that its text is decoded only when somebody reads it. -1: no data. */
  #dataStart = -1;
  #dataEnd = -1;
  #json: unknown;
  #jsonRead = false;

  readonly #contentStart: number;

  /** @param contentStart Bytes to leave out when reading fields: the byte order mark of a stream's first block. */
  constructor(raw: Uint8Array, contentStart = 0) {
    this.raw = raw;
    this.#contentStart = contentStart;
  }

  /** Builds an event, for plugins that add or change one. */
  static of(type: string, data: string): SseEvent {
    // Any of the three line endings would end the field: what follows would be a field of its own.
    const name = type === 'message' || type === '' ? '' : `event: ${type.replaceAll(LINE_ENDING, ' ')}\n`;
    const lines = data.replaceAll(LINE_ENDING, '\ndata: ');
    return new SseEvent(Buffer.from(`${name}data: ${lines}\n\n`));
  }

  /** The event's type; `message` when the block names none. */
  get type(): string {
    if (this.#type === undefined) this.#parse();
    return this.#type as string;
  }

  /** The data lines, joined by line feeds. */
  get data(): string {
    if (this.#type === undefined) this.#parse();
    this.#data ??=
      this.#dataStart < 0 ? '' : asBuffer(this.raw).toString('utf8', this.#dataStart, this.#dataEnd);
    return this.#data;
  }

  /** False for a block without data (a comment, for instance): WHATWG dispatches no event for it. */
  get hasData(): boolean {
    if (this.#type === undefined) this.#parse();
    return this.#dataStart >= 0;
  }

  /** The data parsed as JSON, once however many ask; undefined when it is not JSON. */
  get json(): unknown {
    if (!this.#jsonRead) {
      this.#jsonRead = true;
      try {
        this.#json = JSON.parse(this.data);
      } catch {
        this.#json = undefined;
      }
    }
    return this.#json;
  }

  /** The same event with other data. */
  withJson(json: unknown): SseEvent {
    return SseEvent.of(this.type, JSON.stringify(json));
  }

  #parse(): void {
    const raw = asBuffer(this.raw);
    let type = 'message';
    let position = this.#contentStart;
    while (position < raw.length) {
      const end = lineEnd(raw, position);
      if (startsField(raw, position, end, EVENT)) {
        const start = valueStart(raw, position + EVENT.length, end);
        type = start < end ? typeName(raw, start, end) : 'message';
      } else if (startsField(raw, position, end, DATA)) {
        const start = valueStart(raw, position + DATA.length, end);
        if (this.#dataStart < 0) {
          this.#dataStart = start;
          this.#dataEnd = end;
        } else {
          this.#data ??= raw.toString('utf8', this.#dataStart, this.#dataEnd);
          this.#data += `\n${raw.toString('utf8', start, end)}`;
        }
      }
      position = end + 1;
    }
    this.#type = type;
  }
}

/** The bytes as a Buffer, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function lineEnd(raw: Buffer, from: number): number {
  for (let i = from; i < raw.length; i++) {
    const byte = raw[i] as number;
    if (byte === LF || byte === CR) return i;
  }
  return raw.length;
}

/** The last type read. Most events of a stream are of one type: comparing bytes is cheaper than a new string. */
let lastType = { name: '', bytes: Buffer.alloc(0) };

function typeName(raw: Buffer, start: number, end: number): string {
  const { bytes } = lastType;
  if (bytes.length === end - start) {
    let same = 0;
    while (same < bytes.length && bytes[same] === raw[start + same]) same++;
    if (same === bytes.length) return lastType.name;
  }
  const name = raw.toString('utf8', start, end);
  // Bounded, as a hostile upstream may name its types as it likes.
  if (end - start <= 64) lastType = { name, bytes: Buffer.from(raw.subarray(start, end)) };
  return name;
}

/** Whether the line's field name is `name`: compared as bytes, because a string per line would cost more. */
function startsField(raw: Buffer, from: number, end: number, name: Uint8Array): boolean {
  const nameEnd = from + name.length;
  if (nameEnd > end || (nameEnd < end && raw[nameEnd] !== COLON)) return false;
  for (let i = 0; i < name.length; i++) if (raw[from + i] !== name[i]) return false;
  return true;
}

/** Where the value begins: after the colon, less one leading space. */
function valueStart(raw: Buffer, colon: number, end: number): number {
  const start = colon + 1;
  return Math.min(raw[start] === SPACE ? start + 1 : start, end);
}
