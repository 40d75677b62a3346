import { drawBars, type Bar, type BarGroup } from './bar-chart.ts';
import type { Report, Row } from './report.ts';

/** The charts of a report, by the name of their file. What was not measured is not drawn. */
export function chartsOf(report: Report): ReadonlyMap<string, string> {
  const { rows, paced = [], memory = [] } = report;
  const usual = rows.filter(({ inFlight }) => inFlight === 16);
  const charts = [
    {
      file: 'cpu.svg',
      title: 'CPU time per call, the bare proxy being 1',
      subtitle: '16 calls in flight. Less is better. Blue: Sluice.',
      digits: 2,
      mark: 1,
      groups: byMode(usual, (row) => row.ratioToBare),
    },
    {
      file: 'throughput.svg',
      title: 'Calls per second, on one core',
      subtitle: '16 calls in flight. More is better. Blue: Sluice.',
      digits: 0,
      groups: byMode(usual, (row) => (row.ratioToBare === undefined ? undefined : row.callsPerSecond)),
    },
    {
      file: 'first-event.svg',
      title: 'Time to the first event, 99 of 100 are faster',
      subtitle: '16 streams, one event every 2 ms in each; milliseconds. Less is better. Blue: Sluice.',
      digits: 2,
      groups: groups('Streams', paced, (row) => row.firstEventMs?.p99),
    },
    {
      file: 'client.svg',
      title: 'CPU time per call in the client, the SDK with its own fetch being 1',
      subtitle: '16 calls in flight. Less is better. Blue: Sluice.',
      digits: 2,
      mark: 1,
      groups: byMode(usual, (row) => row.ratioToGlobalFetch),
    },
    {
      file: 'memory.svg',
      title: 'Memory of a process with 4,000 live streams',
      subtitle: 'Resident, MiB. Less is better. Blue: Sluice.',
      digits: 0,
      groups: groups('Streams', memory, ({ liveMiB }) => liveMiB),
    },
  ];
  return new Map(
    charts.filter((chart) => chart.groups.length > 0).map(({ file, ...chart }) => [file, drawBars(chart)]),
  );
}

function byMode(rows: readonly Row[], value: (row: Row) => number | undefined): readonly BarGroup[] {
  const of = (mode: Row['mode']): readonly Row[] => rows.filter((row) => row.mode === mode);
  return [...groups('JSON', of('json'), value), ...groups('50-event streams', of('sse'), value)];
}

/** Not ours: everything else is. */
const OTHERS: ReadonlySet<string> = new Set(['bare', 'reply-from', 'portkey', 'sdk-global-fetch']);

function groups<Item extends { readonly subject: string }>(
  heading: string,
  items: readonly Item[],
  valueOf: (item: Item) => number | undefined,
): readonly BarGroup[] {
  const bars = items.flatMap((item): readonly Bar[] => {
    const value = valueOf(item);
    return value === undefined ? [] : [{ label: item.subject, value, own: !OTHERS.has(item.subject) }];
  });
  return bars.length > 0 ? [{ heading, bars }] : [];
}
