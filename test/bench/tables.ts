import type { Report, Row } from './report.ts';

/** One table, for people. The first columns are words, the others numbers. */
export interface Table {
  readonly title: string;
  readonly words: number;
  readonly head: readonly string[];
  readonly lines: readonly (readonly string[])[];
}

/** What a report says, as tables. */
export function tablesOf(report: Report): readonly Table[] {
  const proxies = report.rows.filter((row) => row.ratioToBare !== undefined);
  const clients = report.rows.filter((row) => row.ratioToGlobalFetch !== undefined);
  const { paced = [], memory = [], hookMicrosecondsPerEvent: hook } = report;
  const tables: readonly Table[] = [
    { title: 'Proxies, as fast as they can', words: 2, head: PROXY_HEAD, lines: proxies.map(proxyLine) },
    {
      title: 'Proxies, streams at a pace: one event every 2 ms in each',
      words: 2,
      head: PROXY_HEAD,
      lines: paced.map(proxyLine),
    },
    {
      title: 'Clients: the official SDK',
      words: 2,
      head: ['subject', 'mode', 'in flight', 'CPU ms/call', 'CPU / global fetch', 'middle half', 'rounds'],
      lines: clients.map((row) => [
        row.subject,
        row.mode,
        String(row.inFlight),
        row.cpuMsPerCall.toFixed(4),
        (row.ratioToGlobalFetch ?? NaN).toFixed(3),
        range(row),
        String(row.rounds),
      ]),
    },
    {
      title: 'Memory of live streams',
      words: 1,
      head: ['subject', 'streams', 'RSS idle MiB', 'RSS live MiB', 'KiB/stream'],
      lines: memory.map((each) => [
        each.subject,
        String(each.streams),
        String(each.idleMiB),
        String(each.liveMiB),
        String(each.kibPerStream),
      ]),
    },
    {
      title: 'One observing stream hook',
      words: 0,
      head: ['µs per event'],
      lines: hook === undefined ? [] : [[hook.toFixed(2)]],
    },
  ];
  return tables.filter(({ lines }) => lines.length > 0);
}

/** Tables for a terminal. */
export function toText(tables: readonly Table[]): string {
  return tables.map((table) => `${table.title}\n\n${align(table)}`).join('\n');
}

/** Tables in Markdown. */
export function toMarkdown(tables: readonly Table[]): string {
  return tables
    .map(({ title, words, head, lines }) => {
      const rule = head.map((_, column) => (column < words ? '---' : '--:'));
      const rows = [head, rule, ...lines].map((line) => `| ${line.join(' | ')} |\n`);
      return `## ${title}\n\n${rows.join('')}`;
    })
    .join('\n');
}

const PROXY_HEAD = [
  'subject',
  'mode',
  'in flight',
  'CPU ms/call',
  'calls/s',
  'cores',
  'CPU / bare',
  'middle half',
  'ms p50',
  'p99',
  'first event ms p50',
  'p99',
  'added p50',
  'added p99',
  'rounds',
];

function proxyLine(row: Row): readonly string[] {
  const isBare = row.subject === 'bare';
  return [
    row.subject,
    row.mode,
    String(row.inFlight),
    row.cpuMsPerCall.toFixed(4),
    row.callsPerSecond.toFixed(0),
    row.cores.toFixed(2),
    (row.ratioToBare ?? NaN).toFixed(3),
    isBare ? '' : range(row),
    ...[row.latencyMs?.p50, row.latencyMs?.p99, row.firstEventMs?.p50, row.firstEventMs?.p99].map(ms),
    ...(isBare ? ['', ''] : [row.firstEventMs?.addedP50, row.firstEventMs?.addedP99].map(ms)),
    String(row.rounds),
  ];
}

function ms(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(2);
}

function range({ middleHalf: [low, high] }: Row): string {
  return `${low.toFixed(3)}–${high.toFixed(3)}`;
}

function align({ words, head, lines }: Table): string {
  const all = [head, ...lines];
  const widths = head.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0)));
  const pad = (cell: string, column: number): string => {
    const width = widths[column] ?? 0;
    return column < words ? cell.padEnd(width) : cell.padStart(width);
  };
  return all.map((line) => `${line.map(pad).join('  ').trimEnd()}\n`).join('');
}
