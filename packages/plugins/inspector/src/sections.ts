import type { Pipeline } from '@sluice/core';
import { flatOptions } from './flat-options.ts';
import { ENDPOINT_COLUMNS, type Records, SECOND_COLUMNS, TENANT_COLUMNS } from './records.ts';
import { short } from './short.ts';

/** The parts that a page is told of, each as a whole when it has changed. */
export type Sections = Readonly<Record<string, unknown>>;

/** Lines of a plugin's state, of tenants and of endpoints that are shown. */
const MAX_LINES = 60;

/** What changes with every call; looked at four times a second. */
export function quickSections({ live, totals }: Records, now: number): Sections {
  return { live: { inFlight: live.size, calls: live.view(now) }, totals };
}

/** What is looked at once a second. `whole`: the chart of five minutes, and not its end alone. */
export function slowSections(pipeline: Pipeline, records: Records, now: number, whole: boolean): Sections {
  return {
    pipeline: described(pipeline),
    seconds: {
      columns: SECOND_COLUMNS,
      now: Math.floor(now / 1_000),
      rows: records.seconds.last(whole ? 300 : 5, now),
    },
    answers: Object.fromEntries(records.answers.totals(now).map(([name, [sum]]) => [name, sum])),
    latency: records.latency.view(now),
    firstEvent: records.firstEvent.view(now),
    endpoints: { columns: ENDPOINT_COLUMNS, rows: records.endpoints.totals(now) },
    tenants: { columns: TENANT_COLUMNS, rows: mostActive(records.tenants.totals(now)) },
    states: pipeline
      .inspect()
      .flatMap(({ plugin, rows }) => (rows.length === 0 ? [] : [{ plugin, rows: rows.slice(0, MAX_LINES) }])),
    problems: records.problems.since(0).toReversed(),
  };
}

function mostActive(rows: [name: string, totals: number[]][]): [name: string, totals: number[]][] {
  const calls = (totals: readonly number[]): number =>
    totals.slice(0, SECOND_COLUMNS.length).reduce((sum, n) => sum + n, 0);
  return rows.toSorted(([, a], [, b]) => calls(b) - calls(a)).slice(0, MAX_LINES);
}

function described(pipeline: Pipeline): unknown {
  const { upstream, plugins, services } = pipeline.describe();
  return {
    upstream: hostOf(upstream),
    plugins: plugins.map(({ name, onError, needs, options }) => ({
      name: short(name),
      onError,
      needs,
      options: flatOptions(options),
    })),
    services,
  };
}

/** Without its path, which may name an account. */
function hostOf(url: string): string {
  return URL.parse(url)?.host ?? '';
}
