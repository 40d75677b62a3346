// The standard pipeline under a mixed load, for minutes: nothing may grow, and nothing may be lost.
// node test/soak/soak.ts [--minutes 5] [--seed 1]
import { type ChildProcess, fork } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { verifyLog } from '@sluice/audit';
import type { OutcomeKind } from '@sluice/core';
import { fakeUpstream } from '@sluice/core/testing';
import { Agent } from 'undici';
import { applyLoad, failNowAndThen } from './load.ts';
import type { FromHost, Sample, ToHost } from './messages.ts';
import { megabytes, problemsOf } from './verdict.ts';

const { minutes = '5', seed = '1' } = parseArgs({
  options: { minutes: { type: 'string' }, seed: { type: 'string' } },
}).values;
const durationMs = Number(minutes) * 60_000;
if (!(durationMs > 0)) throw new TypeError(`--minutes must be a number above 0; it is ${minutes}`);
/** Of a run of any length as many. */
const SAMPLES = 60;

const folder = await mkdtemp(join(tmpdir(), 'sluice-soak-'));
const directory = join(folder, 'audit');
// Few requests are kept: this process, too, runs for long.
const [eu, us] = await Promise.all([fakeUpstream({ keepRequests: 10 }), fakeUpstream({ keepRequests: 10 })]);
failNowAndThen(eu, Number(seed) + 1);
failNowAndThen(us, Number(seed) + 2);
const host = fork(fileURLToPath(new URL('host.ts', import.meta.url)), [eu.url, us.url, directory], {
  execArgv: [...process.execArgv, '--expose-gc'],
});
const agent = new Agent({ connections: 32, bodyTimeout: 20_000, headersTimeout: 20_000 });
let problems: string[];
try {
  problems = await soak();
} finally {
  host.kill('SIGKILL');
  await Promise.all([agent.destroy(), eu.close(), us.close(), rm(folder, { recursive: true, force: true })]);
}
for (const problem of problems) console.log(`✗ ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;

async function soak(): Promise<string[]> {
  const { url, keys, before } = await next(host, 'ready');
  const samples: Sample[] = [];
  const endsAt = performance.now() + durationMs;
  const over = (): boolean => performance.now() >= endsAt || host.exitCode !== null;
  const load = applyLoad({ url, keys, agent, seed: Number(seed), over });
  for (;;) {
    await sleep(Math.min(durationMs / SAMPLES, Math.max(0, endsAt - performance.now())));
    if (over()) break;
    samples.push((await ask('sample', 'sample')).sample);
  }
  const { calls, ends } = await load;
  await agent.close();
  const { after, outcomes, uncaught } = await ask('end', 'ended');
  const log = await verifyLog({ directory });
  const recorded = await recordedOutcomes();
  const heap = samples.map(({ heapBytes }) => heapBytes);
  console.log(`${calls} calls in ${minutes} minutes (seed ${seed}): ${JSON.stringify(ends)}`);
  console.log(`outcomes ${JSON.stringify(outcomes)}; the log is ${log.state}`);
  console.log(`heap ${megabytes(heap[0] ?? 0)} at first, ${megabytes(heap.at(-1) ?? 0)} in the end`);
  console.log(`before ${JSON.stringify(before)}`);
  console.log(`after ${JSON.stringify(after)}`);
  return problemsOf({ before, samples, after, calls, outcomes, recorded, log, uncaught });
}

/** Asks the host, and waits for what it says. */
function ask<Type extends FromHost['type']>(message: ToHost, type: Type): Promise<Message<Type>> {
  const answer = next(host, type);
  host.send(message);
  return answer;
}

type Message<Type> = Extract<FromHost, { readonly type: Type }>;

/** The host's next message, which has to be of this kind. */
function next<Type extends FromHost['type']>(child: ChildProcess, type: Type): Promise<Message<Type>> {
  return new Promise((resolve, reject) => {
    const exited = (code: number | null, signal: string | null): void =>
      reject(new Error(`the host ended by itself: ${signal ?? `exit code ${code}`}`));
    child.once('exit', exited);
    child.once('message', (message: FromHost) => {
      child.off('exit', exited);
      if (message.type === type) resolve(message as Message<Type>);
      else reject(new Error(`the host says '${message.type}', not '${type}'`));
    });
  });
}

/** How the calls ended, as the log has it; read by lines, as it may be long. */
async function recordedOutcomes(): Promise<Partial<Record<OutcomeKind, number>>> {
  const counts: Partial<Record<OutcomeKind, number>> = {};
  for (const file of (await readdir(directory)).filter((name) => name.endsWith('.jsonl'))) {
    for await (const line of createInterface(createReadStream(join(directory, file)))) {
      const record = JSON.parse(line) as { readonly type?: string; readonly outcome?: OutcomeKind };
      if (record.type !== 'outcome' || record.outcome === undefined) continue;
      counts[record.outcome] = (counts[record.outcome] ?? 0) + 1;
    }
  }
  return counts;
}
