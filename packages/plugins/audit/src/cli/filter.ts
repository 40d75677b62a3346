import type { ReadRecord } from '../retention/segments.ts';
import { quoted, quotedName } from '../record/write.ts';
import { type Arguments, one, UsageError } from './cli.ts';

/** Options that pick records, for usage texts. */
export const FILTER_USAGE: string = `  --type T        intent, outcome, gap, fault, recovered, checkpoint, …
  --call ID       one call
  --tenant T      of this tenant
  --principal P   of this caller
  --model M       that asked for this model
  --outcome O     that ended so: completed, refused, upstream-error, timeout, client-abort, shutdown
  --rule R        on which this rule of a plugin had a say
  --status N      that was answered with this status
  --since TIME    not before this time (ISO 8601, such as 2026-01-31 or 2026-01-31T12:00Z)
  --until TIME    before this time`;

/** Their names. */
export const FILTER_OPTIONS: readonly string[] = [
  'type',
  'call',
  'tenant',
  'principal',
  'model',
  'outcome',
  'rule',
  'status',
  'since',
  'until',
];

/** Picks records. */
export interface Filter {
  readonly matches: (record: ReadRecord) => boolean;
  /** Texts of which a line that matches has one: others need not be parsed. */
  readonly hints: readonly string[];
}

/** Members that an option is compared with, and how they are written. */
const PLAIN = [
  ['type', quoted],
  ['call', quoted],
  ['tenant', quotedName],
  ['principal', quotedName],
  ['model', quoted],
  ['outcome', quoted],
] as const;

/** The filter that the options describe. */
export function filterOf(args: Arguments): Filter {
  const tests: ((record: ReadRecord) => boolean)[] = [];
  let hints: readonly string[] = [];
  for (const [name, write] of PLAIN) {
    const given = one(args, name);
    if (given === undefined) continue;
    const written = write(given);
    const wanted: unknown = JSON.parse(written);
    tests.push((record) => record[name] === wanted);
    hints = [`"${name}":${written}`];
  }
  const status = one(args, 'status');
  if (status !== undefined) tests.push((record) => String(record['status']) === status);
  const givenRule = one(args, 'rule');
  if (givenRule !== undefined) {
    const written = quoted(givenRule);
    const rule: unknown = JSON.parse(written);
    tests.push((record) => {
      const verdicts = record['verdicts'] as readonly { readonly rule: string }[] | undefined;
      return verdicts?.some((verdict) => verdict.rule === rule) ?? false;
    });
    hints = [`"rule":${written}`];
  }
  const since = timeOf(args, 'since');
  if (since !== undefined) tests.push(({ time }) => String(time) >= since);
  const until = timeOf(args, 'until');
  if (until !== undefined) tests.push(({ time }) => String(time) < until);
  return { matches: (record) => tests.every((test) => test(record)), hints };
}

function timeOf(args: Arguments, name: string): string | undefined {
  const text = one(args, name);
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new UsageError(`--${name} takes a time in ISO 8601, not "${text}"`);
  return new Date(time).toISOString();
}
