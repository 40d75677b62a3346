// What the audit log costs, side by side with the least that could do the same: `node test/bench/audit.ts`.
import { type FileHandle, mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audit, type AuditOptions, verifyLog } from '@sluice/audit';
import { createPipeline, type Pipeline, provide, TRANSPORT } from '@sluice/core';
import { anthropicMessage, streamAnswer } from '@sluice/core/testing';

const ROUNDS = 15;
const CALLS = 1_500;
const IN_FLIGHT = 64;
const ANSWER = anthropicMessage({ text: 'x'.repeat(600) });
const BODY = Buffer.from(
  JSON.stringify({ model: 'claude', max_tokens: 9, messages: [{ role: 'user', content: 'x'.repeat(900) }] }),
);

const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-audit-'));
const answer = streamAnswer(ANSWER, {
  headers: { 'content-type': 'application/json', 'content-length': String(ANSWER.length) },
});

function pipeline(name: string, options: AuditOptions | undefined): Pipeline {
  return createPipeline({
    upstream: 'https://upstream.test',
    plugins: options === undefined ? [] : [audit({ directory: join(folder, name), ...options })],
    services: [
      provide(TRANSPORT, () => ({
        send: async (request, ctx) => answer(request, ctx) as Response,
        close: async () => undefined,
      })),
    ],
  });
}

function caller(target: Pipeline): () => Promise<void> {
  return async () => {
    const response = await target.handle({
      method: 'POST',
      target: '/v1/messages',
      headers: { 'content-type': 'application/json' },
      body: BODY,
    });
    await response.arrayBuffer();
  };
}

/** The least that makes records durable: lines of the same length, one write and one fdatasync for all that wait. */
class BareGroupCommit {
  readonly #file: FileHandle;
  #waiting: (() => void)[] = [];
  #busy = false;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  append = (): Promise<void> =>
    new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (!this.#busy) void this.#run();
    });

  async #run(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      await this.#file.write(`${'x'.repeat(900)}\n`.repeat(batch.length));
      await this.#file.datasync();
      for (const resolve of batch) resolve();
    }
    this.#busy = false;
  }
}

interface Round {
  readonly cpuUs: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** A fixed number of calls, so many at a time. */
async function round(call: () => Promise<void>, calls = CALLS): Promise<Round> {
  const times: number[] = [];
  let left = calls;
  const cpu = process.cpuUsage();
  const began = performance.now();
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (left-- > 0) {
        const from = performance.now();
        await call();
        times.push(performance.now() - from);
      }
    }),
  );
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
  return { cpuUs: (user + system) / calls, perSecond: (calls / ms) * 1000, p50: at(0.5), p99: at(0.99) };
}

/** Calls that come when they come, whether those before are done or not: what a real load does. */
async function paced(
  call: () => Promise<void>,
  perSecond: number,
  seconds: number,
): Promise<readonly number[]> {
  const times: number[] = [];
  const all: Promise<void>[] = [];
  const began = performance.now();
  for (let made = 0; made < perSecond * seconds;) {
    const due = ((performance.now() - began) / 1000) * perSecond;
    for (; made < due; made++) {
      const from = performance.now();
      all.push(call().then(() => void times.push(performance.now() - from)));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(all);
  return times.toSorted((a, b) => a - b);
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

const bareFile = await open(join(folder, 'bare'), 'a');
const pipelines = {
  'no plugin': pipeline('none', undefined),
  interval: pipeline('interval', {}),
  'interval, no digests': pipeline('plain', { content: { request: 'none', response: 'none' } }),
  os: pipeline('os', { durability: 'os' }),
  sync: pipeline('sync', { durability: 'sync' }),
};
const subjects: Readonly<Record<string, () => Promise<void>>> = {
  'bare group commit': new BareGroupCommit(bareFile).append,
  ...Object.fromEntries(Object.entries(pipelines).map(([name, one]) => [name, caller(one)])),
};

const rounds = new Map<string, Round[]>(Object.keys(subjects).map((name) => [name, []]));
for (let turn = -3; turn < ROUNDS; turn++) {
  for (const [name, call] of Object.entries(subjects)) {
    const result = await round(call);
    if (turn >= 0) rounds.get(name)?.push(result);
  }
}

console.log(`${IN_FLIGHT} calls at a time, median of ${ROUNDS} interleaved rounds of ${CALLS}\n`);
console.log(`${'subject'.padEnd(22)} CPU µs/call  added   calls/s  p50 ms  p99 ms`);
const plain = rounds.get('no plugin') ?? [];
for (const [name, results] of rounds) {
  const added = median(results.map(({ cpuUs }, index) => cpuUs - (plain[index]?.cpuUs ?? 0)));
  const columns = [
    median(results.map(({ cpuUs }) => cpuUs))
      .toFixed(1)
      .padStart(11),
    (name === 'bare group commit' ? '-' : added.toFixed(1)).padStart(6),
    median(results.map(({ perSecond }) => perSecond))
      .toFixed(0)
      .padStart(9),
    median(results.map(({ p50 }) => p50))
      .toFixed(2)
      .padStart(7),
    median(results.map(({ p99 }) => p99))
      .toFixed(2)
      .padStart(7),
  ];
  console.log(`${name.padEnd(22)} ${columns.join(' ')}`);
}
const bare = rounds.get('bare group commit') ?? [];
const ratios = (rounds.get('sync') ?? []).map(
  ({ perSecond }, index) => perSecond / (bare[index]?.perSecond ?? 1),
);
console.log(`\ndurable calls / bare group commits: ${median(ratios).toFixed(2)}`);

const TURNS = 30;
console.log(
  `\n2 000 calls a second, as they come; ms, median of ${TURNS} interleaved turns of 0.5 s, and of the differences`,
);
const waits = {
  'bare group commit': [] as number[][],
  sync: [] as number[][],
};
for (let turn = 0; turn < TURNS; turn++) {
  const order = Object.entries(waits);
  // Now the one first, now the other: the disk goes on with what the first one gave it.
  for (const [name, list] of turn % 2 === 0 ? order : order.toReversed()) {
    const times = await paced(subjects[name] as () => Promise<void>, 2_000, 0.5);
    list.push([0.5, 0.95, 0.99].map((share) => times[Math.floor(times.length * share)] ?? 0));
  }
}
const shown = (list: readonly (readonly number[])[]): string =>
  ['p50', 'p95', 'p99']
    .map((name, at) => `${name} ${median(list.map((row) => row[at] ?? 0)).toFixed(2)}`)
    .join('  ');
for (const [name, list] of Object.entries(waits)) console.log(`${name.padEnd(22)} ${shown(list)}`);
// Turn by turn: what else the disk has to do changes from one second to the next.
const over = waits.sync.map((row, turn) =>
  row.map((ms, at) => ms - (waits['bare group commit'][turn]?.[at] ?? 0)),
);
console.log(`${'sync over bare'.padEnd(22)} ${shown(over)}`);

for (const one of Object.values(pipelines)) await one.close();
await bareFile.close();

const directory = join(folder, 'os');
// Longer than what has been written: the same log, filled up.
{
  await using filling = pipeline('os', { durability: 'os' });
  await round(caller(filling), 60_000);
}
const speeds: number[] = [];
const cpuSpeeds: number[] = [];
for (let turn = 0; turn < 7; turn++) {
  const cpu = process.cpuUsage();
  const began = performance.now();
  const { bytes, state } = await verifyLog({ directory });
  if (state !== 'intact') throw new Error(`the log is ${state}`);
  speeds.push(bytes / 1e3 / (performance.now() - began));
  const { user, system } = process.cpuUsage(cpu);
  cpuSpeeds.push(bytes / (user + system));
}
const { size } = await stat(join(directory, 'audit.000001.jsonl'));
console.log(
  `verify: ${median(speeds).toFixed(0)} MB/s, best ${Math.max(...speeds).toFixed(0)}; ` +
    `${median(cpuSpeeds).toFixed(0)} MB for each second of CPU (first file ${(size / 1e6).toFixed(0)} MB)`,
);
await rm(folder, { recursive: true });
