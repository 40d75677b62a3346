import type { Act } from './act.ts';
import type { BehaviourOf } from './behaviour.ts';

const SLICE_BYTES = 64 * 2 ** 10;

/** A stream with a flaw in its SSE. */
export const malformedSse: Act<'malformed-sse'> = async (exchange, reply, behaviour) => {
  await exchange.head(reply.status, reply.headers);
  for (const piece of flawed(reply.pieces.map(String), behaviour)) await exchange.send(piece);
  await exchange.end();
};

function* flawed(events: string[], behaviour: BehaviourOf<'malformed-sse'>): Generator<string | Uint8Array> {
  const at = Math.min(behaviour.atEvent ?? 3, events.length - 1);
  const before = events.slice(0, at);
  const [event = '', ...after] = events.slice(at);
  switch (behaviour.flaw ?? 'bad-json') {
    case 'bad-json':
      // Without its last brace a JSON object is not whole, but everything else about the event is right.
      yield* [...before, event.replace(/.\n\n$/, '\n\n'), ...after];
      break;
    case 'bad-utf8':
      yield* [...before, ...badUtf8(event), ...after];
      break;
    case 'bom':
      yield* [Uint8Array.of(0xef, 0xbb, 0xbf), ...events];
      break;
    case 'cr-only':
      yield* events.map((each) => each.replaceAll('\n', '\r'));
      break;
    case 'crlf':
      yield* events.map((each) => each.replaceAll('\n', '\r\n'));
      break;
    case 'huge-line':
      yield* [...before, 'data: '];
      for (let left = behaviour.bytes ?? 64 * 2 ** 20; left > 0; left -= SLICE_BYTES) {
        yield 'x'.repeat(Math.min(left, SLICE_BYTES));
      }
      break;
    case 'no-blank-line':
      yield* events.map((each) => each.replace(/\n\n$/, '\n'));
      break;
    case 'no-final-blank-line':
      yield* [...events.slice(0, -1), (events.at(-1) ?? '').replace(/\n\n$/, '\n')];
      break;
    case 'no-space':
      yield* events.map((each) => each.replaceAll(/^(event|data): /gm, '$1:'));
      break;
    case 'nul':
      yield* [...before, `: a\0b\nid: 1\0 2\n${event}`, ...after];
      break;
    case 'split-data':
      yield* events.map(splitData);
      break;
    case 'unknown-event':
      yield* [
        ...before,
        'event: some_future_event\ndata: {"type":"some_future_event","x":1}\n\n',
        event,
        ...after,
      ];
      break;
  }
}

/** Puts the first two bytes of a three-byte character, and a byte that never occurs, at the front of the event's text. */
function badUtf8(event: string): (string | Uint8Array)[] {
  const start = /"(?:text|thinking|partial_json|content|delta)":"/.exec(event);
  const at = start ? start.index + start[0].length : event.indexOf('{') + 1;
  return [
    Buffer.concat([
      Buffer.from(event.slice(0, at)),
      Uint8Array.of(0xe4, 0xbd, 0xff),
      Buffer.from(event.slice(at)),
    ]),
  ];
}

/** Spreads an event's JSON over several `data:` lines, which the reader joins again by line feeds. */
function splitData(event: string): string {
  return event.replace(/^data: (\{.*)$/m, (_, json: string) =>
    JSON.stringify(JSON.parse(json), null, 1)
      .split('\n')
      .map((line) => `data: ${line}`)
      .join('\n'),
  );
}
