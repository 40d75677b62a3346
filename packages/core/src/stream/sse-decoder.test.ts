import fc from 'fast-check';
import { readFileSync, existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PipelineError } from '../errors.ts';
import { SseDecoder } from './sse-decoder.ts';

const limits = { maxLineBytes: 1 << 20, maxEventBytes: 1 << 22 };

interface Parsed {
  readonly event: string;
  readonly data: string;
}

/** Straight from WHATWG HTML §9.2.6, on the whole decoded text. */
function reference(bytes: Uint8Array): Parsed[] {
  const text = new TextDecoder('utf-8', { ignoreBOM: false }).decode(bytes);
  const lines = text.split(/\r\n|\r|\n/);
  lines.pop(); // what follows the last line ending is no line
  const events: Parsed[] = [];
  let data: string[] = [];
  let type = '';
  for (const line of lines) {
    if (line === '') {
      if (data.length > 0) events.push({ event: type || 'message', data: data.join('\n') });
      data = [];
      type = '';
      continue;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') data.push(value);
    if (field === 'event') type = value;
  }
  return events;
}

function decode(chunks: readonly Uint8Array[]): { events: Parsed[]; bytes: Buffer } {
  const decoder = new SseDecoder(limits);
  const events: Parsed[] = [];
  const bytes: Uint8Array[] = [];
  for (const chunk of chunks) {
    const batch = decoder.push(chunk);
    if (!batch) continue;
    expect(Buffer.concat(batch.events.map((event) => event.raw))).toEqual(Buffer.from(batch.bytes ?? []));
    bytes.push(batch.bytes as Uint8Array);
    for (const event of batch.events) {
      if (event.hasData) events.push({ event: event.type, data: event.data });
    }
  }
  const rest = decoder.rest();
  if (rest) bytes.push(rest.raw);
  return { events, bytes: Buffer.concat(bytes) };
}

function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const points = [...new Set(at.map((n) => n % (bytes.length + 1)))].toSorted((a, b) => a - b);
  const chunks: Uint8Array[] = [];
  let from = 0;
  for (const point of [...points, bytes.length]) {
    chunks.push(bytes.subarray(from, point));
    from = point;
  }
  return chunks;
}

const piece = fc.oneof(
  fc.constantFrom(
    '\n',
    '\r',
    '\r\n',
    '\n\n',
    '\r\n\r\n',
    '\r\r',
    ':',
    ' ',
    'data',
    'data:',
    'data: ',
    'event: x',
  ),
  fc.constantFrom('\uFEFF', '\0', ': comment', 'id: 1', 'retry: 5', 'data: {"a":"中文 🙂"}', 'event'),
  fc.string({ maxLength: 6, unit: 'grapheme' }),
);
const document = fc.array(piece, { maxLength: 30 }).map((pieces) => Buffer.from(pieces.join('')));

describe('SseDecoder', () => {
  it('agrees with WHATWG for every split, and gives back every byte', () => {
    fc.assert(
      fc.property(document, fc.array(fc.nat(), { maxLength: 12 }), (bytes, splits) => {
        const decoded = decode(cut(bytes, splits));
        expect(decoded.events).toEqual(reference(bytes));
        expect(decoded.bytes).toEqual(bytes);
      }),
      { numRuns: 5_000 },
    );
  });

  it('agrees byte by byte', () => {
    fc.assert(
      fc.property(document, (bytes) => {
        const decoded = decode([...bytes].map((byte) => Uint8Array.of(byte)));
        expect(decoded.events).toEqual(reference(bytes));
        expect(decoded.bytes).toEqual(bytes);
      }),
      { numRuns: 1_000 },
    );
  });

  it('does not copy when whole events arrive in one chunk', () => {
    const decoder = new SseDecoder(limits);
    decoder.push(Buffer.from(': hello\n\n'));
    const chunk = Buffer.from('event: a\ndata: 1\n\ndata: 2\n\n');
    expect(decoder.push(chunk)?.bytes?.buffer).toBe(chunk.buffer);
  });

  it.each([
    ['a line', { maxLineBytes: 100, maxEventBytes: 1_000 }, `data: ${'x'.repeat(200)}`],
    ['a whole line', { maxLineBytes: 100, maxEventBytes: 1_000 }, `data: ${'x'.repeat(200)}\n\n`],
    ['an event', { maxLineBytes: 100, maxEventBytes: 1_000 }, 'data: 123456789\n'.repeat(100)],
    ['a whole event', { maxLineBytes: 100, maxEventBytes: 1_000 }, `${'data: 123456789\n'.repeat(100)}\n`],
  ])('refuses %s over the cap', (_, caps, text) => {
    for (const size of [1, 7, text.length]) {
      const decoder = new SseDecoder(caps);
      const push = (): void => {
        for (let i = 0; i < text.length; i += size) decoder.push(Buffer.from(text.slice(i, i + size)));
      };
      expect(push).toThrow(PipelineError);
    }
  });

  const cases = new URL('../../../../../shared/fixtures/sse-format-cases.json', import.meta.url);
  it.runIf(existsSync(cases))('agrees with the collected format cases', () => {
    const { cases: list } = JSON.parse(readFileSync(cases, 'utf8')) as {
      cases: { name: string; input: string; expected: { event?: string; data: string }[] }[];
    };
    for (const { name, input, expected } of list) {
      const bytes = Buffer.from(input);
      const want = expected.map(({ event = 'message', data }) => ({ event, data }));
      expect(decode([bytes]).events, name).toEqual(want);
      expect(decode([...bytes].map((byte) => Uint8Array.of(byte))).events, name).toEqual(want);
    }
  });
});
