import { describe, expect, it } from 'vitest';
import { chartsOf } from './charts.ts';
import type { Conditions } from './conditions.ts';
import type { Sample } from './measure.ts';
import { toReport } from './report.ts';
import { toPage } from './save.ts';
import { tablesOf, toMarkdown, toText } from './tables.ts';

const CONDITIONS: Conditions = {
  command: 'pnpm bench --full',
  date: '2026-11-23 10:00 UTC',
  node: 'v24.0.0',
  system: 'linux 6',
  cpu: 'Some CPU',
  cores: 2,
  memoryGiB: 8,
  loadBefore: 0.5,
};

function proxy(subject: string, round: number, cpuMsPerCall: number, more: Partial<Sample> = {}): Sample {
  return {
    subject,
    round,
    cpuMsPerCall,
    mode: 'sse',
    inFlight: 16,
    paced: false,
    callsPerSecond: 100,
    coresUsed: 1,
    latencyMs: { p50: cpuMsPerCall * 2, p99: cpuMsPerCall * 4 },
    firstEventMs: { p50: cpuMsPerCall, p99: cpuMsPerCall * 3 },
    ...more,
  };
}

function client(subject: string, round: number, cpuMsPerCall: number): Sample {
  const { latencyMs: _, firstEventMs: __, ...sample } = proxy(subject, round, cpuMsPerCall, { paced: true });
  return sample;
}

// The second round is disturbed, and goes round the other way.
const SAMPLES: readonly Sample[] = [
  proxy('bare', 1, 1),
  proxy('empty', 1, 1.2),
  proxy('observe', 1, 1.25),
  proxy('observe', 2, 12.5),
  proxy('empty', 2, 12),
  proxy('bare', 2, 10),
  proxy('bare', 3, 1),
  proxy('empty', 3, 1.2),
  proxy('observe', 3, 1.25),
  proxy('bare', 1, 2, { paced: true }),
  proxy('empty', 1, 3, { paced: true }),
  client('sdk-global-fetch', 1, 4),
  client('sdk-pipeline', 1, 3),
];
const MEMORY = [{ subject: 'empty', streams: 4_000, idleMiB: 100, liveMiB: 300, kibPerStream: 51 }];
const REPORT = toReport({ samples: SAMPLES, memory: MEMORY }, CONDITIONS);

describe('toReport', () => {
  it('compares each sample with the bare proxy in the same round', () => {
    const [bare, empty] = REPORT.rows;
    expect(bare).toMatchObject({ subject: 'bare', mode: 'sse', inFlight: 16, ratioToBare: 1, rounds: 3 });
    expect(empty).toMatchObject({ subject: 'empty', cpuMsPerCall: 1.2, ratioToBare: 1.2, rounds: 3 });
  });

  it('tells how much later than with the bare proxy the first event comes', () => {
    expect(REPORT.rows[1]?.firstEventMs).toEqual({ p50: 1.2, p99: 3.6, addedP50: 0.2, addedP99: 0.6 });
    expect(REPORT.rows[1]?.latencyMs).toEqual({ p50: 2.4, p99: 4.8 });
  });

  it('keeps paced streams of proxies apart, and has those of clients among the rows', () => {
    expect(REPORT.paced?.map(({ subject, ratioToBare }) => [subject, ratioToBare])).toEqual([
      ['bare', 1],
      ['empty', 1.5],
    ]);
    expect(REPORT.rows.map(({ subject }) => subject)).toEqual([
      'bare',
      'empty',
      'observe',
      'sdk-global-fetch',
      'sdk-pipeline',
    ]);
  });

  it('compares clients with the SDK that uses its own fetch', () => {
    const row = REPORT.rows.find(({ subject }) => subject === 'sdk-pipeline');
    expect(row).toMatchObject({ mode: 'sse', inFlight: 16, ratioToGlobalFetch: 0.75 });
    expect(row).not.toHaveProperty('ratioToBare');
    expect(row).not.toHaveProperty('latencyMs');
  });

  it('divides what a hook costs by the events, and leaves out what was not measured', () => {
    expect(REPORT.hookMicrosecondsPerEvent).toBe(1);
    const small = toReport({ samples: [proxy('bare', 1, 1)], memory: [] }, CONDITIONS);
    expect(Object.keys(small)).toEqual(['conditions', 'rows']);
  });

  it('survives JSON', () => {
    expect(JSON.parse(JSON.stringify(REPORT))).toEqual(REPORT);
  });
});

describe('tables', () => {
  it('has one for each kind of figure', () => {
    expect(tablesOf(REPORT).map(({ title, lines }) => [title.split(',')[0], lines.length])).toEqual([
      ['Proxies', 3],
      ['Proxies', 2],
      ['Clients: the official SDK', 2],
      ['Memory of live streams', 1],
      ['One observing stream hook', 1],
    ]);
  });

  it('has as many cells in each line as in its head', () => {
    for (const { head, lines } of tablesOf(REPORT)) {
      for (const line of lines) expect(line).toHaveLength(head.length);
    }
  });

  it('is aligned on a terminal, and a table in Markdown', () => {
    const memory = tablesOf(REPORT).slice(3, 4);
    expect(toText(memory)).toBe(
      'Memory of live streams\n\n' +
        'subject  streams  RSS idle MiB  RSS live MiB  KiB/stream\n' +
        'empty       4000           100           300          51\n',
    );
    expect(toMarkdown(memory)).toContain(
      '| --- | --: | --: | --: | --: |\n| empty | 4000 | 100 | 300 | 51 |\n',
    );
  });
});

describe('the saved page', () => {
  it('shows every chart, the command and the conditions', () => {
    const charts = [...chartsOf(REPORT).keys()];
    expect(charts).toEqual(['cpu.svg', 'throughput.svg', 'first-event.svg', 'client.svg', 'memory.svg']);
    const page = toPage(REPORT, charts);
    for (const file of charts) expect(page).toContain(`](${file})`);
    expect(page).toContain('Written by `pnpm bench --full`');
    expect(page).toContain(
      '2026-11-23 10:00 UTC, Node v24.0.0, linux 6, 2 × Some CPU, 8 GiB. Load average before the run: 0.5.',
    );
  });
});
