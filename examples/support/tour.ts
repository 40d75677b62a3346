import { EventEmitter, once } from 'node:events';
import Anthropic from '@anthropic-ai/sdk';
import type { ApiRequest, Outcome } from '@sluice/core';
import { duration, printTable } from './table.ts';
import type { Upstream } from './upstream.ts';

/** Where the app's own plugin tells of calls that have ended. */
export class Calls extends EventEmitter<{ ended: [request: ApiRequest, outcome: Outcome] }> {
  ended(request: ApiRequest, outcome: Outcome): void {
    this.emit('ended', request, outcome);
  }
}

/** What the tour goes through. */
export interface Toured {
  /** Where the app listens. */
  readonly url: string;
  readonly upstream: Upstream;
  readonly calls: Calls;
}

/** A line of the table at the end. */
type Row = readonly [step: string, upstream: string, attempts: string, outcome: string, time: string];

const MODEL = process.env['ANTHROPIC_MODEL'] ?? 'claude-haiku-4-5';

/**
 * Calls the app's own /claude with the official SDK: plainly, streamed, through faults, and through one that nothing
 * can be done about.
 *
 * @returns Whether each step did what it should.
 */
export async function tour({ url, upstream, calls }: Toured): Promise<boolean> {
  const { fake, apiKey } = upstream;
  const client = new Anthropic({ baseURL: `${url}/claude`, apiKey, authToken: null });
  const ask = (content: string): Anthropic.MessageCreateParamsNonStreaming => ({
    model: MODEL,
    max_tokens: 100,
    messages: [{ role: 'user', content }],
  });
  const rows: Row[] = [];
  let ok = true;

  /** Takes a step, and says whether it went as it should. */
  const step = async (title: string, wanted: Partial<Outcome>, call: () => Promise<void>): Promise<void> => {
    console.log(`\n${title}`);
    const sentBefore = fake?.requests.length ?? 0;
    const ended = once(calls, 'ended', { signal: AbortSignal.timeout(60_000) }) as Promise<
      [ApiRequest, Outcome]
    >;
    await call().catch((error: unknown) => {
      console.log(`  ! ${wordsOf(error)}`);
    });
    const [, outcome] = await ended;
    const asWanted = outcome.kind === wanted.kind && outcome.attempts === (wanted.attempts ?? 1);
    ok &&= asWanted;
    const seen = fake?.requests
      .slice(sentBefore)
      .map(({ behaviour, status }) => `${faultOf(behaviour) ?? status}`);
    rows.push([
      title,
      seen?.join(', ') ?? `${outcome.status}`,
      `${outcome.attempts}`,
      asWanted ? outcome.kind : `${outcome.kind}, not ${wanted.kind}`,
      duration(outcome.durationMs),
    ]);
  };

  console.log(
    fake ? 'No ANTHROPIC_API_KEY: a fake Claude stands in, which echoes.' : 'Calling the real API.',
  );

  await step('1. A plain call', { kind: 'completed' }, async () => {
    const message = await client.messages.create(ask('Say hello.'));
    console.log(`  ${message.content.map((block) => (block.type === 'text' ? block.text : '')).join('')}`);
  });

  await step('2. A streamed call', { kind: 'completed' }, async () => {
    const { firstMs, lastMs } = await print(
      client,
      ask('Count from one to ten, in words, and take all the time you need.'),
    );
    if (fake && firstMs > lastMs / 2) {
      ok = false;
      console.log('  ! It did not come word by word.');
    }
  });

  if (fake) {
    fake.reply('status; status=529', 'reset-after-headers');
    await step('3. A faulty upstream, survived', { kind: 'completed', attempts: 3 }, async () => {
      await print(client, ask('Are you still there? The first two times you were not.'));
    });

    fake.reply('cut-mid-stream; afterEvents=8');
    await step('4. A stream cut in the middle', { kind: 'upstream-error' }, async () => {
      await print(client, ask('Tell me a long story, of which I will not hear the end.'));
      ok = false;
      console.log('  ! The SDK took this for a whole answer.');
    });
  } else {
    console.log(
      '\n3. and 4. are left out: the real API cannot be told to fail. Unset ANTHROPIC_API_KEY to see them.',
    );
  }

  console.log('');
  printTable(['step', 'upstream', 'attempts', 'outcome', 'time'], rows);
  if (!ok) console.log('\nSomething did not go as it should.');
  return ok;
}

/** Prints a streamed answer as it comes in. */
async function print(
  client: Anthropic,
  params: Anthropic.MessageCreateParamsNonStreaming,
): Promise<{ readonly firstMs: number; readonly lastMs: number }> {
  const started = performance.now();
  let firstMs: number | undefined;
  let lastMs = 0;
  process.stdout.write('  ');
  try {
    for await (const event of await client.messages.create({ ...params, stream: true })) {
      if (event.type !== 'content_block_delta' || event.delta.type !== 'text_delta') continue;
      lastMs = performance.now() - started;
      firstMs ??= lastMs;
      process.stdout.write(event.delta.text);
    }
  } finally {
    process.stdout.write('\n');
  }
  console.log(`  (first word after ${duration(firstMs ?? 0)}, last after ${duration(lastMs)})`);
  return { firstMs: firstMs ?? 0, lastMs };
}

/** What an error of the SDK says: its message is the whole event when the error came in a stream. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { error: body } = error as { error?: { error?: { message?: string } } };
  return `${error.constructor.name}: ${body?.error?.message ?? error.message}`;
}

/** What the fake upstream did, if it was a fault. */
function faultOf(behaviour: string | undefined): string | undefined {
  return behaviour === 'answer' || behaviour === 'status' ? undefined : behaviour?.split('-')[0];
}

/** What to try by hand, and a line for each call that comes in. */
export function nextSteps({ url, upstream: { fake }, calls }: Toured): void {
  const key = fake ? '' : ' -H "x-api-key: $ANTHROPIC_API_KEY" -H \'anthropic-version: 2023-06-01\'';
  const curl = (options: string, fields: string): string =>
    `  curl ${options}${url}/claude/v1/messages${key} -H 'content-type: application/json' \\\n` +
    `    -d '{"model":"${MODEL}","max_tokens":100,${fields}"messages":[{"role":"user","content":"Hello!"}]}'`;
  console.log(`
Listening on ${url}. Try, in another terminal:

${curl('', '')}

${curl('-N ', '"stream":true,')}`);
  if (fake) {
    console.log(`
With a fault of the fake upstream, which the pipeline survives, or which it makes visible:

${curl('-i -H "x-fake-upstream: status; status=529; times=2; tag=$RANDOM" ', '')}

${curl("-i -H 'x-fake-upstream: status; status=503' ", '')}

${curl("-N -H 'x-fake-upstream: cut-mid-stream; afterEvents=8' ", '"stream":true,')}

All faults: packages/core/TESTING.md`);
  }
  console.log(`
With the official SDK:

  new Anthropic({ baseURL: '${url}/claude'${fake ? ", apiKey: 'not-a-key'" : ''} })

The app's own routes: ${url}/ and ${url}/notes. Ctrl+C ends it.
`);
  calls.on('ended', ({ method, url }, { status, kind, attempts, durationMs }) => {
    const { pathname } = new URL(url);
    const tries = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
    console.log(`${method} ${pathname}: ${status}, ${kind}, ${tries}, ${duration(durationMs)}`);
  });
}
