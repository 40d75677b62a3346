import Anthropic from '@anthropic-ai/sdk';
import { verifyLog } from '@sluice/audit';
import { describe, expect, it, vi } from 'vitest';
import { textOf } from '../clients/anthropic-client.ts';
import { MOUNTS } from '../support/mounts.ts';
import { thrownBy } from '../support/thrown-by.ts';
import { BANNED, OPERATORS_KEY, standardStage, type StandardStage } from './standard-stage.ts';

const BOTH_WAYS = ['in process', 'behind a server'] as const;
const mountOf = (way: (typeof BOTH_WAYS)[number]) =>
  MOUNTS.find(({ name }) => name === (way === 'in process' ? 'pipeline.fetch' : 'Express 5'));

/** The official SDK, as a caller of a tenant has it. */
function clientOf({ baseUrl, fetch, keys }: StandardStage, tenant: 'acme' | 'globex' = 'acme'): Anthropic {
  return new Anthropic({ apiKey: keys[tenant], baseURL: baseUrl, fetch, maxRetries: 0, logLevel: 'off' });
}

async function ask(client: Anthropic, content: string): Promise<string> {
  const { content: blocks } = await client.messages.create(question(content));
  return blocks.map((block) => (block.type === 'text' ? block.text : '')).join('');
}

async function stream(client: Anthropic, content: string): Promise<string> {
  return textOf(await client.messages.create({ ...question(content), stream: true }));
}

const question = (content: string): Anthropic.MessageCreateParamsNonStreaming => ({
  model: 'claude-haiku-4-5',
  max_tokens: 200,
  messages: [{ role: 'user', content }],
});

describe.each(BOTH_WAYS)('the standard pipeline with every part on, %s,', (way) => {
  const set = (options?: Parameters<typeof standardStage>[1]): Promise<StandardStage> => {
    const mount = mountOf(way);
    if (mount === undefined) throw new Error(`there is no mount for ${way}`);
    return standardStage(mount, options);
  };

  it.each([
    ['whole', ask],
    ['streamed', stream],
  ] as const)('answers (%s), and answers again from the cache', async (_, call) => {
    await using stage = await set();
    const client = clientOf(stage);
    expect(await call(client, 'Hello?')).toBe('You said: Hello?');
    expect(await untilStored(stage, () => call(client, 'Hello?'))).toBe('You said: Hello?');
    expect(stage.outcomes.at(-1)?.kind).toBe('completed');
    expect(stage.eu.requests).toHaveLength(stage.outcomes.filter(({ attempts }) => attempts > 0).length);
  });

  it('sends the operator’s key, knows tenants by theirs, and shares no answers among them', async () => {
    await using stage = await set();
    await ask(clientOf(stage), 'Hello?');
    await ask(clientOf(stage, 'globex'), 'Hello?');
    expect(stage.outcomes.map(({ attempts }) => attempts)).toEqual([1, 1]);
    for (const { headers, rawHeaders } of stage.eu.requests) {
      expect(headers['authorization']).toBe(`Bearer ${OPERATORS_KEY}`);
      expect(JSON.stringify(rawHeaders)).not.toContain('sk-sl-');
    }
    const stranger = new Anthropic({ ...sdkOptions(stage), apiKey: 'sk-sl-nobody' });
    expect(await thrownBy(ask(stranger, 'Hello?'))).toBeInstanceOf(Anthropic.AuthenticationError);
    expect(stage.eu.requests).toHaveLength(2);
  });

  it('goes to another region when one fails, and no longer to that one when its circuit is open', async () => {
    await using stage = await set();
    stage.eu.script(() => ({ kind: 'status', status: 503 }));
    const client = clientOf(stage);
    for (let i = 0; i < 5; i++) expect(await ask(client, `Call ${i}`)).toBe(`You said: Call ${i}`);
    expect(stage.circuits).toMatchObject([
      { type: 'circuit-open', endpoint: 'eu', reason: 'consecutive-failures' },
    ]);
    expect(stage.outcomes.map(({ attempts }) => attempts)).toEqual([2, 2, 2, 1, 1]);
    expect([stage.eu.requests.length, stage.us.requests.length]).toEqual([3, 5]);
  });

  it('refuses at once when all circuits are open, but for what is in the cache', async () => {
    await using stage = await set({ circuitBreaker: { consecutiveFailures: 1 } });
    const client = clientOf(stage);
    await untilStored(stage, () => ask(client, 'Hello?'));
    for (const region of [stage.eu, stage.us]) region.script(() => ({ kind: 'status', status: 503 }));
    expect(await thrownBy(ask(client, 'Anybody?'))).toMatchObject({ status: 503 });
    const sent = stage.eu.requests.length + stage.us.requests.length;
    expect(await thrownBy(ask(client, 'Nobody?'))).toMatchObject({ status: 503 });
    expect(stage.outcomes.at(-1)).toMatchObject({ kind: 'refused', attempts: 0 });
    expect(stage.eu.requests.length + stage.us.requests.length).toBe(sent);
    expect(await ask(client, 'Hello?')).toBe('You said: Hello?');
  });

  it('paces a burst, and lets a hit pass without waiting', async () => {
    await using stage = await set();
    const client = clientOf(stage);
    await untilStored(stage, () => ask(client, 'Hello?'));
    const ended: string[] = [];
    const startedAt = performance.now();
    const call = async (content: string): Promise<void> => {
      await ask(client, content);
      ended.push(content);
    };
    await Promise.all([...['0', '1', '2', '3', '4', '5'].map(call), call('Hello?')]);
    // 25 in a second: the sixth one is sent 200 ms after the first.
    expect(performance.now() - startedAt).toBeGreaterThan(190);
    // It would be the seventh, if it had to wait.
    expect(ended.indexOf('Hello?')).toBeLessThan(ended.indexOf('5'));
    expect(ended.filter((content) => content !== 'Hello?')).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  it('blocks what is asked before it is sent, and what is answered before it is seen', async () => {
    await using stage = await set();
    const client = clientOf(stage);
    expect(await thrownBy(ask(client, `What is a ${BANNED}?`))).toBeInstanceOf(Anthropic.BadRequestError);
    expect(stage.eu.requests).toHaveLength(0);

    stage.eu.reply({ kind: 'answer', text: `A quiet beginning, and then a ${BANNED} comes along.` });
    let seen = '';
    const events = await client.messages.create({ ...question('Tell me a story.'), stream: true });
    const error = await thrownBy(
      (async () => {
        for await (const event of events) {
          if (event.type === 'content_block_delta' && event.delta.type === 'text_delta')
            seen += event.delta.text;
        }
      })(),
    );
    expect(error).toBeInstanceOf(Anthropic.APIError);
    expect(seen).toContain('A quiet beginning');
    expect(seen).not.toContain('grumble');
    expect(stage.outcomes.at(-1)).toMatchObject({ kind: 'refused', cause: { code: 'content_blocked' } });
  });

  it('redacts personal data on its way in, and puts it back into the stream', async () => {
    await using stage = await set();
    const text = await stream(clientOf(stage), 'Write to ann@example.com, please.');
    expect(text).toBe('You said: Write to ann@example.com, please.');
    const sent = JSON.stringify(stage.eu.requests[0]?.json());
    expect(sent).toContain('[EMAIL_1]');
    expect(sent).not.toContain('ann@');

    stage.eu.reply({ kind: 'answer', text: 'It is bob@example.com, I think.' });
    const redacted = await stream(clientOf(stage), 'Who has the key?');
    expect(redacted).toMatch(/^It is \S+ I think\.$/);
    expect(redacted).not.toContain('bob@');
  });

  it('has all of it in the audit log, which verifies and holds neither texts nor keys', async () => {
    await using stage = await set();
    const client = clientOf(stage);
    await ask(client, 'A secret recipe');
    await stream(client, 'Another secret recipe');
    await thrownBy(ask(client, `A secret ${BANNED}`));
    stage.eu.reply('cut-mid-stream');
    await thrownBy(stream(client, 'A third secret recipe'));
    await stage.close();

    const { directory } = stage.audit;
    expect(await verifyLog({ directory })).toMatchObject({ state: 'intact', problems: [] });
    const records = await stage.audit.records();
    const outcomes = records.filter(({ type }) => type === 'outcome');
    expect(outcomes.map(({ outcome }) => outcome)).toEqual([
      'completed',
      'completed',
      'refused',
      'upstream-error',
    ]);
    const everything = await stage.audit.text();
    for (const secret of ['secret recipe', BANNED, OPERATORS_KEY, stage.keys.acme]) {
      expect(everything).not.toContain(secret);
    }
  });
});

/** Calls until the answer comes from the cache: what is on its way to the store is not yet a hit. */
function untilStored<T>({ outcomes }: StandardStage, call: () => Promise<T>): Promise<T> {
  return vi.waitFor(async () => {
    const answer = await call();
    expect(outcomes.at(-1)?.attempts).toBe(0);
    return answer;
  });
}

function sdkOptions({ baseUrl, fetch }: StandardStage): ConstructorParameters<typeof Anthropic>[0] {
  return { baseURL: baseUrl, fetch, maxRetries: 0, logLevel: 'off' };
}
