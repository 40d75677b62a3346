import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DEFAULT_JSON_LIMITS, inspectJson } from '../json/inspect.ts';
import { SseDecoder } from '../stream/sse-decoder.ts';
import type { SseEvent } from '../stream/sse-event.ts';
import type { Format, Usage } from './format.ts';
import { FORMATS } from './formats.ts';

/** A recorded exchange. */
interface Fixture {
  readonly name: string;
  readonly request: { readonly method: string; readonly path: string; readonly body: unknown };
  readonly response: {
    readonly status: number;
    readonly headers: Record<string, string>;
    readonly body: string;
  };
}

// The collection lies beside the checkout on our machines, not in the repository.
const root = new URL('../../../../../shared/fixtures/', import.meta.url);
const load = (folder: string): Fixture[] =>
  readdirSync(new URL(folder, root)).map(
    (file) => JSON.parse(readFileSync(new URL(file, new URL(folder, root)), 'utf8')) as Fixture,
  );
const all = existsSync(root) ? [...load('anthropic/'), ...load('openai/')] : [];

const formatOf = ({ request }: Fixture): Format | undefined =>
  FORMATS.find((format) => format.matches(request.method, request.path.split('?')[0] as string));
const known = all.filter((fixture) => formatOf(fixture) !== undefined);
const isStream = ({ response }: Fixture): boolean =>
  response.headers['content-type']?.includes('event-stream') ?? false;
const streams = known.filter(isStream);
const answers = known.filter((fixture) => !isStream(fixture) && fixture.response.status === 200);

function decode(fixture: Fixture): readonly SseEvent[] {
  const decoder = new SseDecoder({ maxLineBytes: 1 << 20, maxEventBytes: 1 << 20 });
  return decoder.push(Buffer.from(fixture.response.body))?.events ?? [];
}

/** Any JSON, for a reference that shares nothing with the code. */
// oxlint-disable-next-line typescript/no-explicit-any -- the shapes are what is tested
type Loose = any;

/** The data of every event, by splitting lines. */
function datas(fixture: Fixture): Loose[] {
  return fixture.response.body
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => JSON.parse(line.slice(6)) as Loose);
}

/** All text that an answer's stream says, by block or choice, in the order in which they begin. */
function textOf(fixture: Fixture): string[] {
  const texts = new Map<string, string>();
  const add = (key: unknown, text: unknown): void => {
    if (typeof text === 'string' && text !== '')
      texts.set(String(key), (texts.get(String(key)) ?? '') + text);
  };
  for (const data of datas(fixture)) {
    if (data.delta?.type === 'text_delta') add(data.index, data.delta.text);
    for (const choice of data.choices ?? []) add(choice.index, choice.delta?.content);
    if (data.type === 'response.output_text.done') add(data.item_id, data.text);
  }
  return [...texts.values()];
}

/** The counters that a stream ends with. */
function lastUsage(fixture: Fixture): Usage {
  const told: Record<string, Loose> = {};
  for (const data of datas(fixture)) {
    const usage = data.usage ?? data.message?.usage ?? data.response?.usage ?? {};
    for (const [name, value] of Object.entries(usage)) if (value !== null) told[name] = value;
  }
  const input = told['prompt_tokens'] ?? told['input_tokens'];
  const cached = (told['cache_read_input_tokens'] ?? 0) + (told['cache_creation_input_tokens'] ?? 0);
  return { inputTokens: input + cached, outputTokens: told['completion_tokens'] ?? told['output_tokens'] };
}

function mapStream(format: Format, fixture: Fixture): { texts: string[]; bytes: string } {
  const texts = new Map<string, string>();
  let bytes = '';
  for (const event of decode(fixture)) {
    const after = format.mapEvent(event, ({ channel, key, partial, text }) => {
      if (channel === 'text' && partial) texts.set(key, (texts.get(key) ?? '') + text);
      return text.toUpperCase();
    });
    bytes += Buffer.from(after.raw).toString();
  }
  return { texts: [...texts.values()], bytes };
}

describe.runIf(all.length > 0)('recorded traffic', () => {
  it.each(known)('$name: a request left alone is the same, and names its model', (fixture) => {
    const format = formatOf(fixture) as Format;
    const { body } = fixture.request;
    expect(format.mapInput(body, (part) => part.text)).toBe(body);
    expect(inspectJson(Buffer.from(JSON.stringify(body)), DEFAULT_JSON_LIMITS).model).toBe(
      (body as { model: string }).model,
    );
  });

  it.each(streams)('$name: ends in one terminal or error event, unless it was cut', (fixture) => {
    const kinds = decode(fixture).map((event) => formatOf(fixture)?.kind(event));
    const ends = kinds.filter((kind) => kind === 'terminal' || kind === 'error');
    // OpenAI sends an error event and then a failed response.
    const expected = { 'stream-truncated': 0, 'responses-stream-error-event': 2 }[fixture.name] ?? 1;
    expect(ends).toHaveLength(expected);
    if (expected > 0) expect(kinds.slice(-expected)).toEqual(ends);
  });

  it.each(streams)('$name: a preamble comes before content only', (fixture) => {
    const kinds = decode(fixture).map((event) => formatOf(fixture)?.kind(event));
    const content = kinds.indexOf('content');
    const late = kinds.slice(content < 0 ? kinds.length : content).filter((kind) => kind === 'preamble');
    // The last chunk of a chat has usage and no choices; each of two choices begins with its role.
    expect(late.length).toBeLessThanOrEqual(
      fixture.name.startsWith('chat') || fixture.name.startsWith('azure') ? 2 : 0,
    );
  });

  it.each(streams)('$name: shows the text of each block or choice', (fixture) => {
    expect(mapStream(formatOf(fixture) as Format, fixture).texts).toEqual(textOf(fixture));
  });

  it.each(streams)('$name: changed text stays behind nowhere', (fixture) => {
    const { bytes } = mapStream(formatOf(fixture) as Format, fixture);
    const changed = { ...fixture, response: { ...fixture.response, body: bytes } };
    expect(textOf(changed)).toEqual(textOf(fixture).map((text) => text.toUpperCase()));
    for (const text of textOf(fixture)) {
      if (text !== text.toUpperCase()) expect(bytes).not.toContain(JSON.stringify(text).slice(1, -1));
    }
  });

  it.each(streams)('$name: text left alone leaves every event as it came', (fixture) => {
    for (const event of decode(fixture))
      expect(formatOf(fixture)?.mapEvent(event, (part) => part.text)).toBe(event);
  });

  it.each(streams)('$name: usage is that of the end', (fixture) => {
    let usage: Usage | undefined;
    for (const event of decode(fixture)) usage = formatOf(fixture)?.eventUsage(event, usage);
    const expected = lastUsage(fixture);
    if (Number.isNaN(expected.inputTokens)) expect(usage).toBeUndefined();
    else expect(usage).toMatchObject(expected);
  });

  it.each(answers)('$name: a whole answer shows its text and tells its usage', (fixture) => {
    const format = formatOf(fixture) as Format;
    const body = JSON.parse(fixture.response.body) as Loose;
    const texts: string[] = [];
    const same = format.mapOutput(body, (part) => {
      if (part.channel === 'text') texts.push(part.text);
      return part.text;
    });
    expect(same).toBe(body);
    const parts = (body.output ?? [body]).flatMap((item: Loose) => item.content ?? item.choices ?? []);
    const expected = parts.map((part: Loose) => part.text ?? part.message?.content).filter(Boolean);
    expect(texts).toEqual(expected);
    const output = body.usage?.output_tokens ?? body.usage?.completion_tokens;
    expect(format.usage(Buffer.from(fixture.response.body))?.outputTokens).toBe(output);
  });
});
