import type { ReadRecord } from '../retention/segments.ts';

/** A record as one line for people. */
export function shown(record: ReadRecord): string {
  const { seq, type, time } = record;
  const head = `${String(time)}  ${String(seq).padStart(8)}  ${type.padEnd(10)}`;
  if (type === 'intent')
    return `${head} ${who(record)}${text(record, 'method')} ${text(record, 'path')} ${text(record, 'model')}`.trimEnd();
  if (type !== 'outcome') return `${head} ${facts(record)}`;
  const attempts = record['attempts'] as readonly unknown[] | undefined;
  const cause = record['cause'] as { readonly code: string; readonly plugin?: string } | undefined;
  const why =
    cause === undefined ? '' : ` ${cause.code}${cause.plugin === undefined ? '' : ` by ${cause.plugin}`}`;
  const cache = record['cache'] === undefined ? '' : ` cache ${text(record, 'cache')}`;
  return (
    `${head} ${who(record)}${text(record, 'outcome')} ${text(record, 'status')}${why}` +
    ` in ${text(record, 'durationMs')} ms, ${attempts?.length ?? 0} attempts${cache} ${text(record, 'model')}`
  ).trimEnd();
}

function who(record: ReadRecord): string {
  const names = [text(record, 'tenant'), text(record, 'principal')].filter((name) => name !== '');
  return `${text(record, 'call').slice(0, 8)} ${names.length === 0 ? '' : `${names.join('/')} `}`;
}

function facts(record: ReadRecord): string {
  const { seq: _seq, type: _type, time: _time, monotonicMs: _ms, note: _note, ...rest } = record;
  return Object.entries(rest)
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
}

function text(record: ReadRecord, name: string): string {
  const value = record[name];
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
