import { verifyLog } from '@sluice/audit';
import type { Outcome } from '@sluice/core';
import type { FakeUpstream } from '@sluice/core/testing';
import type { Calls } from './calls.ts';
import type { LogDirectory } from './log-directory.ts';
import type { Regions } from './regions.ts';
import { Steps } from './steps.ts';
import { duration } from './table.ts';
import { verifyTampered } from './tampering.ts';
import { Visitor } from './visitor.ts';

/** What the tour goes through. */
export interface Toured {
  /** Where the app listens. */
  readonly url: string;
  readonly claude: Regions;
  readonly calls: Calls;
  readonly log: LogDirectory;
}

/**
 * Calls the app's own /claude with the official SDK, so that each plugin is seen at work.
 *
 * @returns Whether each step did what it should.
 */
export async function tour({ url, claude, calls, log }: Toured): Promise<boolean> {
  const { fakes, apiKey } = claude;
  const steps = new Steps(calls);
  const visitor = new Visitor(url, apiKey);
  console.log(
    fakes
      ? 'No ANTHROPIC_API_KEY: a fake Claude stands in, which echoes, in two regions.'
      : 'Calling the real API.',
  );
  await ordinaryCalls(steps, visitor, fakes !== undefined);
  await contentRules(steps, visitor, fakes?.eu);
  if (fakes) await faults(steps, visitor, fakes);
  else {
    console.log(
      '\nA blocked stream, a cut one, failover, retry and an open circuit are left out: the real API cannot be told to ' +
        'fail. Unset ANTHROPIC_API_KEY to see them.',
    );
  }
  await auditLog(steps, log.path);
  steps.print();
  return steps.ok;
}

async function ordinaryCalls(steps: Steps, visitor: Visitor, isFake: boolean): Promise<void> {
  await steps.take('A plain call', {}, () => visitor.ask('Say hello.'));

  const question = 'Count from one to ten, in words, and take all the time you need.';
  await steps.take('A streamed call', {}, async () => {
    const { firstMs, lastMs } = await visitor.stream(question);
    if (isFake && lastMs - firstMs < 200) steps.object('It did not come word by word.');
  });
  await steps.take('The same again: a cache hit', { attempts: 0 }, async () => {
    await visitor.stream(question);
  });

  const outcomes = await steps.take('A burst of four, five a second: paced', { calls: 4 }, async () => {
    await Promise.all([1, 2, 3, 4].map((n) => visitor.ask(`Say ${n}.`)));
  });
  console.log(`  (after ${outcomes.map(({ durationMs }) => duration(durationMs)).join(', ')})`);
}

async function contentRules(steps: Steps, visitor: Visitor, fake: FakeUpstream | undefined): Promise<void> {
  await steps.take('A question blocked', { kind: 'refused', attempts: 0 }, () =>
    visitor.ask('What is a grumblewort?'),
  );
  if (fake) {
    fake.reply({ kind: 'answer', text: 'It began well, but then a grumblewort came along and spoiled it.' });
    await steps.take('A stream blocked', { kind: 'refused' }, async () => {
      await visitor.stream('How did it end?');
      steps.object('The SDK took this for a whole answer.');
    });
    fake.reply({ kind: 'answer', text: 'I wrote to [EMAIL_1], and heard from bob@example.com.' });
  }
  await steps.take('A stream redacted', {}, async () => {
    await visitor.stream('Have you written to ann@example.com? Repeat the address.');
  });
  const sent = fake?.requests.at(-1)?.json() as { messages: { content: string }[] } | undefined;
  if (sent) console.log(`  (Claude was asked: ${sent.messages[0]?.content})`);
}

/** Retry, region routing and circuit breaker, which work together. */
async function faults(
  steps: Steps,
  visitor: Visitor,
  { eu, us }: NonNullable<Regions['fakes']>,
): Promise<void> {
  eu.reply('cut-mid-stream; afterEvents=8');
  await steps.take('A stream cut in the middle', { kind: 'upstream-error' }, async () => {
    await visitor.stream('Tell me a long story, of which I will not hear the end.');
    steps.object('The SDK took this for a whole answer.');
  });
  // The circuit counts failures in a row: this one was by itself.
  await visitor.ask('Are you well again?');

  eu.script(() => ({ kind: 'status', status: 503 }));
  await steps.take('A region fails: failover', { attempts: 2 }, () => visitor.ask('Is anybody there?'));

  const outcomes = await steps.take('It goes on failing: its circuit opens', { calls: 3 }, async () => {
    for (const n of ['second', 'third', 'fourth']) await visitor.ask(`And the ${n} time?`);
  });
  console.log(`  (attempts: ${outcomes.map(({ attempts }) => attempts).join(', ')}; ${leftOut(outcomes)})`);

  us.reply('status; status=503');
  await steps.take('The other one stumbles: retry', { attempts: 2 }, () => visitor.ask('Still there?'));
  eu.script(() => undefined);
}

/** Which endpoints the last call was not sent to, and why. */
function leftOut(outcomes: readonly Outcome[]): string {
  const dropped = outcomes.at(-1)?.history[0]?.endpoint?.decision?.dropped ?? [];
  return dropped.map(({ endpoint, reason }) => `${endpoint}: ${reason}`).join(', ');
}

async function auditLog(steps: Steps, directory: string): Promise<void> {
  await steps.check('The audit log, verified', async () => {
    const { problems, records } = await verifyLog({ directory });
    console.log(`  ${records} records, ${problems.length} problems; still in use, so its end is not sealed.`);
    if (problems.length > 0) steps.object('The log should be intact.');
    const tampered = await verifyTampered(directory);
    const [first] = tampered.problems;
    if (tampered.state !== 'broken' || first === undefined) {
      steps.object('One byte of a copy was changed, and nobody noticed.');
      return 'a change was not found';
    }
    console.log(`  One byte of a copy changed: ${first.file}, byte ${first.offset}: ${first.what}`);
    return `${records} records, intact`;
  });
}
