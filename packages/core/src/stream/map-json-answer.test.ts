import { expect, test } from 'vitest';
import { mapJsonAnswer } from './map-json-answer.ts';

const HEADERS = { 'content-type': 'application/json', 'content-length': '15', etag: '"1"', 'x-other': '2' };
const answer = (): Response => new Response('{ "text": "a" }', { headers: HEADERS });

test('what is not changed leaves in its own bytes', async () => {
  const same = await mapJsonAnswer(answer(), 100, (body) => body);
  expect(await same.text()).toBe('{ "text": "a" }');
  expect(Object.fromEntries(same.headers)).toEqual(HEADERS);
});

test('what is changed loses the headers that described its bytes', async () => {
  const changed = await mapJsonAnswer(answer(), 100, (body) =>
    Promise.resolve({ ...(body as object), more: 1 }),
  );
  expect(await changed.text()).toBe('{"text":"a","more":1}');
  expect(Object.fromEntries(changed.headers)).toEqual({ 'content-type': 'application/json', 'x-other': '2' });
});

test('an answer that is too large or no JSON is refused', async () => {
  await expect(mapJsonAnswer(answer(), 14, (body) => body)).rejects.toMatchObject({
    code: 'answer_too_large',
  });
  await expect(mapJsonAnswer(new Response('<'), 14, (body) => body)).rejects.toMatchObject({
    code: 'bad_answer',
  });
});
