import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type BatchRequest, readRequests } from './index.ts';
import { splitLines } from './split-lines.ts';

async function read(...chunks: readonly (string | Uint8Array)[]): Promise<BatchRequest[]> {
  const list: BatchRequest[] = [];
  for await (const request of readRequests(chunks)) list.push(request);
  return list;
}

test('reads the lines of both providers, whatever ends them', async () => {
  const text =
    '\uFEFF{"custom_id":"a","params":{"model":"m"}}\r\n\n' +
    '{"custom_id":"b","method":"POST","url":"/v1/chat/completions","body":{"model":"鹈鹕"}}';
  expect(await read(text)).toEqual([
    { customId: 'a', params: { model: 'm' } },
    { customId: 'b', url: '/v1/chat/completions', params: { model: '鹈鹕' } },
  ]);
});

test('however the bytes are cut, the requests are the same', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 5 }),
      fc.array(fc.nat(200)),
      async (texts, cuts) => {
        const requests = texts.map((text, n) => ({ customId: `${n}`, params: { text } }));
        const bytes = Buffer.from(
          requests.map(({ customId, params }) => JSON.stringify({ custom_id: customId, params })).join('\n'),
        );
        const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        const pieces = at.slice(1).map((end, n) => bytes.subarray(at[n], end));
        expect(await read(...pieces)).toEqual(requests);
      },
    ),
  );
});

test.each([
  ['{"custom_id":"a"', 'line 2 is no JSON in UTF-8'],
  [Buffer.from([0x7b, 0xff]), 'line 2 is no JSON in UTF-8'],
  ['[]', 'line 2 needs a custom_id of 1 to 256 characters'],
  ['null', 'line 2 needs a custom_id'],
  ['{"custom_id":7,"params":{}}', 'line 2 needs a custom_id'],
  ['{"custom_id":"a"}', 'line 2 needs params, an object'],
  ['{"custom_id":"a","params":{},"body":{}}', 'line 2 has both params and body'],
  ['{"custom_id":"a","method":"GET","url":"/v1/models","body":{}}', 'line 2 has a method other than POST'],
  ['{"custom_id":"a","url":"https://h/v1","body":{}}', 'line 2 has a url that is no path'],
  ['{"custom_id":"a","params":{"stream":true}}', 'line 2 asks for a stream; remove "stream"'],
])('%s is refused by its line', async (line, message) => {
  await expect(read('{"custom_id":"x","params":{}}\n', line)).rejects.toThrow(message);
});

test('a line without end does not fill memory', async () => {
  function* chunks() {
    for (;;) yield Buffer.alloc(1_000);
  }
  const lines = splitLines(chunks(), 10_000);
  await expect(lines.next()).rejects.toThrow('line 1 is longer than 10000 bytes');
});
