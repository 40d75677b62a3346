import { PipelineError } from '../errors.ts';
import { asBuffer, SseEvent } from './sse-event.ts';

const LF = 10;
const CR = 13;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Caps that keep a hostile or broken upstream from filling memory. */
export interface SseLimits {
  /** Longest line. Default 1 MiB. */
  readonly maxLineBytes: number;
  /** Longest event. Default 4 MiB. */
  readonly maxEventBytes: number;
}

/** The caps of `SseLimits` when nothing else is configured. */
export const DEFAULT_SSE_LIMITS: SseLimits = { maxLineBytes: 1 << 20, maxEventBytes: 1 << 22 };

/** Consecutive whole events and the bytes that hold them. */
export interface Batch {
  readonly events: readonly SseEvent[];
  /** The same bytes in one piece; undefined when an event was changed, and the pieces must be joined anew. */
  readonly bytes: Uint8Array | undefined;
}

/**
 * Cuts a byte stream into event blocks (WHATWG HTML §9.2.6: lines end in LF, CR or CRLF; a blank line ends a block).
 * It only finds the boundaries. Bytes are never copied while whole events arrive in one chunk.
 */
export class SseDecoder {
  readonly #limits: SseLimits;
  #carry: Buffer = Buffer.alloc(0);
  #carryLength = 0;
  /** Bytes of the unfinished line that the carry ends with. */
  #lineLength = 0;
  /** A block or the stream ended in CR: an LF that follows belongs to it. */
  #skipLf = false;
  /** The first bytes, while they may still become a byte order mark; undefined once that is settled. */
  #start: Buffer | undefined = Buffer.alloc(0);
  /** Length of the byte order mark of the block that comes next: 3 for the first block of some streams, else 0. */
  #markLength = 0;

  constructor(limits: SseLimits) {
    this.#limits = limits;
  }

  /** Takes a chunk; returns the events that it completes, or undefined when it completes none. */
  push(chunk: Uint8Array): Batch | undefined {
    let input = asBuffer(chunk);
    let scanFrom = 0;
    if (this.#start !== undefined) {
      input = this.#start.length > 0 ? Buffer.concat([this.#start, input]) : input;
      const head = input.subarray(0, 3);
      if (input.length < 3 && BYTE_ORDER_MARK.subarray(0, input.length).equals(head)) {
        this.#start = input;
        return undefined;
      }
      this.#start = undefined;
      this.#markLength = BYTE_ORDER_MARK.equals(head) ? 3 : 0;
      scanFrom = this.#markLength;
    }
    const ends = this.#scan(input, scanFrom);
    const last = ends.at(-1);
    if (last === undefined) {
      this.#keep(input, 0);
      return undefined;
    }
    const carried = this.#carryLength;
    let whole = input;
    if (carried > 0) {
      whole = Buffer.allocUnsafeSlow(carried + last);
      this.#carry.copy(whole, 0, 0, carried);
      input.copy(whole, carried, 0, last);
      this.#carryLength = 0;
    }
    const events: SseEvent[] = [];
    let start = 0;
    for (const end of ends) {
      this.#checkEvent(whole, start, carried + end);
      const all = start === 0 && carried + end === whole.length;
      events.push(new SseEvent(all ? whole : whole.subarray(start, carried + end), this.#markLength));
      this.#markLength = 0;
      start = carried + end;
    }
    this.#keep(input, last);
    return { events, bytes: start === whole.length ? whole : whole.subarray(0, start) };
  }

  /**
   * What is left when the stream ends without a blank line. WHATWG drops it; upstreams that forget the last blank
   * line exist, so the caller decides.
   */
  rest(): SseEvent | undefined {
    if (this.#start !== undefined && this.#start.length > 0) return new SseEvent(this.#start);
    if (this.#carryLength === 0) return undefined;
    return new SseEvent(this.#carry.subarray(0, this.#carryLength), this.#markLength);
  }

  #carryEndsInCr(): boolean {
    return this.#carryLength > 0 && this.#carry[this.#carryLength - 1] === CR;
  }

  /**
   * Positions after each block's end. Byte by byte: at a nanosecond each this is cheaper than the native searches that
   * a usual event of a hundred bytes would need.
   */
  #scan(input: Buffer, scanFrom: number): number[] {
    const ends: number[] = [];
    let lineLength = this.#lineLength;
    let afterCr = this.#skipLf || this.#carryEndsInCr();
    for (let i = scanFrom; i < input.length; i++) {
      const byte = input[i] as number;
      if (byte > CR) {
        lineLength++;
        afterCr = false;
        continue;
      }
      if (byte === LF && afterCr) {
        afterCr = false;
        // The LF of a CRLF whose CR ended a block goes with that block, if it is still here.
        if (ends.at(-1) === i) ends[ends.length - 1] = i + 1;
        continue;
      }
      afterCr = byte === CR;
      if (byte === LF || byte === CR) {
        if (lineLength === 0) ends.push(i + 1);
        lineLength = 0;
      } else {
        lineLength++;
      }
    }
    this.#lineLength = lineLength;
    this.#skipLf = afterCr && ends.at(-1) === input.length;
    return ends;
  }

  #keep(input: Buffer, from: number): void {
    const length = input.length - from;
    if (length === 0) return;
    const needed = this.#carryLength + length;
    if (needed > this.#limits.maxEventBytes) throw tooLarge('event', this.#limits.maxEventBytes);
    if (this.#lineLength > this.#limits.maxLineBytes) throw tooLarge('line', this.#limits.maxLineBytes);
    if (needed > this.#carry.length || this.#carryLength === 0) {
      // Doubling keeps a line that drips in by single bytes from being copied once per byte.
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(needed * 2, 1 << 22), 256));
      this.#carry.copy(grown, 0, 0, this.#carryLength);
      this.#carry = grown;
    }
    input.copy(this.#carry, this.#carryLength, from);
    this.#carryLength = needed;
  }

  #checkEvent(whole: Buffer, start: number, end: number): void {
    if (end - start <= this.#limits.maxLineBytes) return;
    if (end - start > this.#limits.maxEventBytes) throw tooLarge('event', this.#limits.maxEventBytes);
    let line = start;
    while (line < end) {
      let lineEnd = whole.indexOf(LF, line);
      if (lineEnd < 0 || lineEnd > end) lineEnd = end;
      if (lineEnd - line > this.#limits.maxLineBytes && whole.subarray(line, lineEnd).indexOf(CR) < 0) {
        throw tooLarge('line', this.#limits.maxLineBytes);
      }
      line = lineEnd + 1;
    }
  }
}

function tooLarge(what: string, limit: number): PipelineError {
  return new PipelineError('answer_too_large', {
    cause: new Error(`SSE ${what} longer than ${limit} bytes`),
  });
}
