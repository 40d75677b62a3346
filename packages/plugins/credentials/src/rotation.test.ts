import { provide } from '@sluice/core';
import {
  anthropicMessage,
  anthropicStream,
  errorBody,
  fakeClock,
  type ScriptedAnswer,
  streamAnswer,
  type TestPipeline,
  testPipeline,
} from '@sluice/core/testing';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type CredentialEvent,
  credentials,
  type CredentialsOptions,
  type CredentialSource,
  envKey,
  fileKey,
  KEY_STATES,
  KeyStates,
  type LoadedSecret,
} from './index.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const good = (): Response => new Response(anthropicMessage(), { headers: JSON_TYPE });
const unauthorized = (): Response =>
  new Response(errorBody('anthropic-messages', 401), { status: 401, headers: JSON_TYPE });

interface Rotating extends TestPipeline {
  readonly states: KeyStates;
  readonly events: CredentialEvent[];
  /** Calls once; the key that the call was answered with. */
  readonly key: () => Promise<string | undefined>;
}

function rotating(
  source: CredentialSource | readonly CredentialSource[],
  answers: readonly ScriptedAnswer[] = Array.from({ length: 20 }, () => good),
  options: CredentialsOptions = {},
): Rotating {
  const states = new KeyStates();
  const events: CredentialEvent[] = [];
  const keys = Array.isArray(source) ? source : [source as CredentialSource];
  const pipe = testPipeline({
    answers,
    plugins: [credentials({ keys, onEvent: (event) => events.push(event), ...options })],
    services: [provide(KEY_STATES, () => states)],
  });
  return {
    ...pipe,
    states,
    events,
    key: async () => {
      await (await pipe.post()).text();
      return pipe.transport.requests.at(-1)?.headers['authorization']?.replace('Bearer ', '');
    },
    [Symbol.asyncDispose]: () => pipe[Symbol.asyncDispose](),
  };
}

/** A provider whose answers the test decides on. */
function vault(
  ...given: readonly (LoadedSecret | Error | Promise<LoadedSecret>)[]
): CredentialSource & { readonly asked: () => number } {
  let asked = 0;
  return {
    id: 'vault',
    asked: () => asked,
    load: async () => {
      const next = given[Math.min(asked++, given.length - 1)] as LoadedSecret | Error;
      if (next instanceof Error) throw next;
      return next;
    },
  };
}

describe('a key from the environment', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test('is read when the pipeline starts', async () => {
    vi.stubEnv('SLUICE_TEST_KEY', '  from-environment\n');
    await using pipe = rotating(envKey('SLUICE_TEST_KEY'));
    expect(await pipe.key()).toBe('from-environment');
    expect(pipe.states.list()).toMatchObject([{ id: 'SLUICE_TEST_KEY', state: 'active', version: 1 }]);
  });

  test.each([undefined, '', '  '])('that is %j keeps it from starting', async (value) => {
    vi.stubEnv('SLUICE_TEST_KEY', value);
    await using pipe = rotating(envKey('SLUICE_TEST_KEY', { id: 'main' }));
    await expect(pipe.pipeline.start()).rejects.toThrow(
      'credentials: the key "main" of endpoint "default" cannot be loaded: the environment variable SLUICE_TEST_KEY is not set',
    );
  });
});

test.each([Number.NaN, '2026-01-01T00:00:00Z', new Date(0), null])(
  'a key that ends at %s, which is no time, keeps it from starting; the source is not asked in a circle',
  async (expiresAt) => {
    const source = vault({ secret: 'k', expiresAt } as LoadedSecret);
    await using pipe = rotating(source);
    await expect(pipe.pipeline.start()).rejects.toThrow(
      'credentials: the key "vault" of endpoint "default" cannot be loaded: the source "vault" gave no time in expiresAt; it takes milliseconds since the Unix epoch',
    );
    await pipe.clock.advance(60_000);
    expect(source.asked()).toBe(1);
  },
);

test('a key that is renewed with no time for its end is kept as it was', async () => {
  const end = fakeClock().wallTime() + 600_000;
  const source = vault({ secret: 'one', expiresAt: end }, { secret: 'two', expiresAt: Number.NaN });
  await using pipe = rotating(source);
  expect(await pipe.key()).toBe('one');
  await pipe.clock.advance(550_000);
  expect(await pipe.key()).toBe('one');
  expect(source.asked()).toBeGreaterThan(1);
  expect(source.asked()).toBeLessThan(12);
  expect(pipe.events).toContainEqual(
    expect.objectContaining({
      type: 'refresh-failed',
      reason: expect.stringContaining('no time in expiresAt'),
    }),
  );
});

describe('a key in a file', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-keys-'));
    path = join(folder, 'key');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('is replaced while the pipeline runs; what is under way keeps the old one', async () => {
    await writeFile(path, 'first\n');
    const stream = streamAnswer(anthropicStream());
    await using pipe = rotating(fileKey(path, { id: 'file' }), [
      stream,
      ...Array.from({ length: 5 }, () => good),
    ]);
    const underWay = await pipe.post({ stream: true });
    await writeFile(`${path}.new`, 'second\n');
    await rename(`${path}.new`, path);
    await vi.waitFor(async () => {
      await pipe.clock.advance(1_000);
      expect(pipe.events).toMatchObject([{ type: 'key-rotated', key: 'file' }]);
    }, 10_000);
    expect(await pipe.key()).toBe('second');
    expect(pipe.states.list()).toMatchObject([
      { id: 'file', state: 'active', version: 2, inFlight: 0 },
      { id: 'file', state: 'draining', version: 1, inFlight: 1 },
    ]);
    expect(await underWay.text()).toBe(anthropicStream().join(''));
    await pipe.clock.advance(300_000);
    expect(pipe.states.list()).toMatchObject([{ state: 'active', version: 2 }]);
  });

  test('that becomes unreadable changes nothing, and is told of', async () => {
    await writeFile(path, 'first');
    await using pipe = rotating(fileKey(path));
    await pipe.pipeline.start();
    await writeFile(path, 'two\nlines');
    await vi.waitFor(async () => {
      await pipe.clock.advance(1_000);
      expect(pipe.events[0]).toMatchObject({
        type: 'refresh-failed',
        reason: expect.stringContaining('no text that a header can carry'),
      });
    }, 10_000);
    expect(await pipe.key()).toBe('first');
  });
});

describe('a provider', () => {
  const lifeMs = 1_000_000;
  const expiring = (secret: string, from = 0): LoadedSecret => ({
    secret,
    expiresAt: Date.UTC(2026, 0, 1) + from + lifeMs,
  });

  test('is asked again in the last fifth of the key’s life, before it ends', async () => {
    const source = vault(expiring('first'), expiring('second', lifeMs));
    await using pipe = rotating(source);
    expect(await pipe.key()).toBe('first');
    await pipe.clock.advance(lifeMs * 0.8 - 1);
    expect(source.asked()).toBe(1);
    await pipe.clock.advance(lifeMs * 0.1 + 1);
    expect(source.asked()).toBe(2);
    expect(await pipe.key()).toBe('second');
  });

  test('that fails leaves the old key in use until it expires, and is asked again', async () => {
    const source = vault(
      expiring('first'),
      new Error('vault is sealed'),
      new Error('vault is sealed'),
      expiring('second', lifeMs),
    );
    await using pipe = rotating(source);
    expect(await pipe.key()).toBe('first');
    await pipe.clock.advance(lifeMs * 0.9 + 10_000);
    expect(source.asked()).toBe(4);
    expect(pipe.events).toMatchObject([
      { type: 'refresh-failed', reason: 'vault is sealed' },
      { type: 'refresh-failed' },
      { type: 'key-rotated' },
    ]);
    expect(await pipe.key()).toBe('second');
  });

  test('that goes on failing ends with the key', async () => {
    const source = vault(expiring('first'), new Error('vault is sealed'));
    await using pipe = rotating(source);
    expect(await pipe.key()).toBe('first');
    await pipe.clock.advance(lifeMs - 1);
    expect((await pipe.post()).status).toBe(200);
    await pipe.clock.advance(1);
    expect((await pipe.post()).status).toBe(502);
    expect(pipe.states.list()).toMatchObject([{ state: 'quarantined', reason: 'it has expired' }]);
    // Once a minute at most, and not in a circle.
    expect(source.asked()).toBeLessThan(20);
  });

  test('that gives what has expired already is not asked in a circle', async () => {
    const source = vault({ secret: 'old', expiresAt: 0 });
    await using pipe = rotating(source);
    await pipe.pipeline.start();
    await pipe.clock.advance(10_000);
    expect(source.asked()).toBeLessThanOrEqual(11);
  });

  test('that does not answer in time keeps the pipeline from starting', async () => {
    await using pipe = rotating(vault(new Promise<never>(() => undefined)), [], { loadTimeoutMs: 500 });
    const started = pipe.pipeline.start();
    started.catch(() => undefined);
    await pipe.clock.advance(501);
    await expect(started).rejects.toThrow(
      'the key "vault" of endpoint "default" cannot be loaded: no answer within 500 ms',
    );
    expect(pipe.clock.pendingTimers).toBe(0);
  });

  test('whose failure quotes the secret is not quoted', async () => {
    const source: CredentialSource = { id: 'vault', load: () => JSON.parse('sk-canary') as string };
    await using pipe = rotating(source);
    const error = await pipe.pipeline.start().catch((failure: unknown) => failure as Error);
    expect(String(error)).toContain('what its source gave cannot be parsed');
    expect(String((error as Error).stack) + String((error as Error).cause)).not.toContain('canary');
  });

  test('leaves no timer when the pipeline is closed', async () => {
    const pipe = rotating(vault(expiring('first')));
    await pipe.key();
    expect(pipe.clock.pendingTimers).toBe(1);
    await pipe.pipeline.close();
    expect(pipe.clock.pendingTimers).toBe(0);
  });
});

test('a change while the source is being asked is not missed', async () => {
  const asked: ((text: string) => void)[] = [];
  const changes: (() => void)[] = [];
  const source: CredentialSource = {
    id: 'slow',
    load: () => new Promise<string>((resolve) => asked.push(resolve)),
    watch: (changed) => {
      changes.push(changed);
      return () => undefined;
    },
  };
  await using pipe = rotating(source);
  const started = pipe.pipeline.start();
  await pipe.clock.advance(1);
  changes[0]?.();
  await pipe.clock.advance(1);
  expect(asked).toHaveLength(1);
  asked[0]?.('first');
  await started;
  await pipe.clock.advance(1);
  changes[0]?.();
  asked[1]?.('second');
  await pipe.clock.advance(1);
  asked[2]?.('third');
  await pipe.clock.advance(1);
  expect(await pipe.key()).toBe('third');
});

describe('after a 401', () => {
  test('the source is asked once for all calls, and they are sent again with what it gives', async () => {
    const { promise, resolve } = Promise.withResolvers<LoadedSecret>();
    const source = vault('first', promise);
    await using pipe = rotating(source, [
      ...Array.from({ length: 5 }, () => unauthorized),
      ...Array.from({ length: 5 }, () => good),
    ]);
    const calls = Array.from({ length: 5 }, () => pipe.post());
    await pipe.clock.advance(1);
    resolve('second');
    for (const call of calls) expect((await call).status).toBe(200);
    expect(source.asked()).toBe(2);
    const sent = pipe.transport.requests.map(({ headers }) => headers['authorization']);
    expect(sent.slice(5)).toEqual(Array.from({ length: 5 }, () => 'Bearer second'));
    expect(pipe.events.map(({ type }) => type)).toEqual(['key-rotated']);
  });

  test('a source that has nothing new is not asked with every call', async () => {
    const source = vault('first');
    await using pipe = rotating(
      source,
      Array.from({ length: 9 }, () => unauthorized),
      { quarantineMs: 1 },
    );
    for (let i = 0; i < 4; i++) {
      expect((await pipe.post()).status).toBe(502);
      await pipe.clock.advance(100);
    }
    expect(pipe.transport.requests).toHaveLength(4);
    expect(source.asked()).toBe(2);
    await pipe.clock.advance(10_000);
    await pipe.post();
    expect(source.asked()).toBe(3);
  });

  test('of a new key that the upstream does not know yet, the old one stands in', async () => {
    const changes: (() => void)[] = [];
    const source: CredentialSource = {
      ...vault('first', 'second'),
      watch: (changed) => {
        changes.push(changed);
        return () => undefined;
      },
    };
    const answers = [good, unauthorized, good, good, good];
    await using pipe = rotating(source, answers);
    expect(await pipe.key()).toBe('first');
    changes[0]?.();
    await pipe.clock.advance(1);
    expect(pipe.events).toMatchObject([{ type: 'key-rotated' }]);
    expect((await pipe.post()).status).toBe(200);
    expect(await pipe.key()).toBe('first');
    await pipe.clock.advance(5_000);
    expect(await pipe.key()).toBe('second');
    const sent = pipe.transport.requests.map(({ headers }) => headers['authorization']);
    expect(sent).toEqual(['first', 'second', 'first', 'first', 'second'].map((one) => `Bearer ${one}`));
  });

  test('a caller who leaves does not wait for the source', async () => {
    const leaving = new AbortController();
    await using pipe = rotating(vault('first', new Promise<never>(() => undefined)), [unauthorized]);
    const pending = pipe.post({}, { signal: leaving.signal });
    await pipe.clock.advance(1);
    leaving.abort(new Error('bye'));
    await expect(pending).rejects.toThrow('bye');
  });
});
