import { createPipeline, type Plugin } from '@sluice/core';
import { fakeUpstream } from '@sluice/core/testing';
import { circuitBreaker } from '@sluice/circuit-breaker';
import { regionRouting } from '@sluice/region-routing';
import { retry } from '@sluice/retry';
import { expect, test } from 'vitest';

/** As they have to stand, outermost first. */
const ORDER = ['retry', 'region-routing', 'circuit-breaker'] as const;
type Name = (typeof ORDER)[number];

/** All sequences of any of them. */
function sequences(from: readonly Name[]): Name[][] {
  return [
    [],
    ...from.flatMap((first) =>
      sequences(from.filter((one) => one !== first)).map((rest) => [first, ...rest]),
    ),
  ];
}
const inOrder = (names: readonly Name[]): boolean =>
  names.every((name, i) => i === 0 || ORDER.indexOf(name) > ORDER.indexOf(names[i - 1] as Name));

const plugin: Record<Name, (url: string) => Plugin> = {
  retry: () => retry(),
  'region-routing': (url) =>
    regionRouting({
      endpoints: [
        { id: 'one', region: 'eu', url },
        { id: 'two', region: 'us', url },
      ],
    }),
  'circuit-breaker': () => circuitBreaker(),
};

const allowed = sequences(ORDER).filter(inOrder);
const refused = sequences(ORDER).filter((names) => !inOrder(names));

test('there are eight ways to put them together, and eight not to', () => {
  expect([allowed.length, refused.length]).toEqual([8, 8]);
});

test.each(allowed.map((names) => [names.join(' → ') || 'none of them', names] as const))(
  '%s: answers, streamed and not',
  async (_, names) => {
    await using upstream = await fakeUpstream();
    await using pipeline = createPipeline({
      upstream: upstream.url,
      plugins: names.map((name) => plugin[name](upstream.url)),
    });
    const ask = async (stream: boolean): Promise<Response> => {
      const messages = [{ role: 'user', content: 'Hi' }];
      const body = JSON.stringify({ model: 'any', max_tokens: 8, stream, messages });
      return pipeline.fetch('https://caller.test/v1/messages', { method: 'POST', body });
    };
    for (const stream of [false, true]) {
      const response = await ask(stream);
      expect(response.status).toBe(200);
      expect(await response.text()).toContain(stream ? 'event: message_stop' : 'You said: Hi');
    }
    expect(upstream.requests).toHaveLength(2);

    // A refusal of the upstream reaches the caller, however they stand, and costs one request.
    upstream.reply({ kind: 'status', status: 400 });
    const response = await ask(false);
    expect([response.status, upstream.requests.length]).toEqual([400, 3]);
    await response.text();

    upstream.reply({ kind: 'status', status: 503, retryAfterMs: '1' });
    const again = await ask(true);
    expect(again.status).toBe(names.includes('retry') ? 200 : 503);
    await again.text();
  },
);

test.each(refused.map((names) => [names.join(' → '), names] as const))(
  '%s: refused with a sentence that says what to do',
  (_, names) => {
    expect(() =>
      createPipeline({
        upstream: 'https://upstream.test',
        plugins: names.map((name) => plugin[name]('https://upstream.test')),
      }),
    ).toThrow(
      /^plugin "[a-z-]+" must stand (inside|outside) "[a-z-]+": put it (after|before) "[a-z-]+" in the plugins array/,
    );
  },
);
