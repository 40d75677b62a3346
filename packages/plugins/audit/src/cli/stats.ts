import type { ReadRecord } from '../retention/segments.ts';

const BLOCKS = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
const TOP = 8;
/** Hours that are told apart; of a longer log, the last ones. */
const MAX_HOURS = 48;
/** Callers that are told apart. */
const MAX_NAMES = 10_000;

/** Counts records and draws them. */
export class Stats {
  readonly #types = new Map<string, number>();
  readonly #outcomes = new Map<string, number>();
  readonly #callers = new Map<string, number>();
  readonly #hours = new Map<string, number>();
  /** Calls by duration, in steps of a tenth. */
  readonly #durations = new Map<number, number>();
  #calls = 0;
  #input = 0;
  #output = 0;

  /** Counts a record. */
  add(record: ReadRecord): void {
    count(this.#types, record.type);
    if (record.type !== 'outcome') return;
    this.#calls++;
    count(this.#outcomes, String(record['outcome']));
    const caller = record['tenant'] ?? record['principal'];
    if (typeof caller === 'string' && (this.#callers.size < MAX_NAMES || this.#callers.has(caller)))
      count(this.#callers, caller);
    count(this.#hours, `${String(record['time']).slice(0, 13)}:00Z`);
    if (this.#hours.size > MAX_HOURS) this.#hours.delete(this.#hours.keys().next().value ?? '');
    const step = Math.ceil(Math.log(Math.max(Number(record['durationMs']), 0.01)) / Math.log(1.1));
    this.#durations.set(step, (this.#durations.get(step) ?? 0) + 1);
    const usage = record['usage'] as { inputTokens?: number; outputTokens?: number } | undefined;
    this.#input += usage?.inputTokens ?? 0;
    this.#output += usage?.outputTokens ?? 0;
  }

  /** As text, for a terminal of so many columns. */
  text(columns: number): string {
    const unfinished = (this.#types.get('intent') ?? 0) - (this.#types.get('outcome') ?? 0);
    const parts = [
      `${this.#calls} calls, ${this.#input} input and ${this.#output} output tokens; ` +
        `duration p50 ${this.#percentile(0.5)}, p95 ${this.#percentile(0.95)}, p99 ${this.#percentile(0.99)} ms`,
      ...(unfinished > 0
        ? [`${unfinished} intents without an outcome: see "sluice-audit query --unfinished"`]
        : []),
      chart('by outcome', this.#outcomes, columns, 'count'),
      chart('by caller', this.#callers, columns, 'count'),
      chart('by hour', this.#hours, columns, 'name'),
      chart('records', this.#types, columns, 'count'),
    ];
    return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
  }

  #percentile(share: number): number {
    let left = this.#calls * share;
    for (const [step, many] of [...this.#durations].toSorted(([a], [b]) => a - b)) {
      left -= many;
      if (left <= 0) return Number((1.1 ** step).toPrecision(2));
    }
    return 0;
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function chart(
  title: string,
  counts: ReadonlyMap<string, number>,
  columns: number,
  by: 'count' | 'name',
): string {
  if (counts.size === 0) return '';
  const rows =
    by === 'name'
      ? [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1))
      : [...counts].toSorted(([, a], [, b]) => b - a).slice(0, TOP);
  const names = Math.min(32, Math.max(...rows.map(([name]) => name.length)));
  const numbers = Math.max(...rows.map(([, many]) => String(many).length));
  const most = Math.max(...rows.map(([, many]) => many));
  const room = Math.max(8, Math.min(48, columns - names - numbers - 4));
  const lines = rows.map(
    ([name, many]) =>
      `  ${name.slice(0, names).padEnd(names)} ${String(many).padStart(numbers)} ${bar((many / most) * room)}`,
  );
  const rest = by === 'count' && counts.size > TOP ? [`  and ${counts.size - TOP} more`] : [];
  return [title, ...lines, ...rest].join('\n');
}

function bar(length: number): string {
  const eighths = Math.max(1, Math.round(length * 8));
  return '█'.repeat(Math.floor(eighths / 8)) + (BLOCKS[(eighths % 8) - 1] ?? '');
}
