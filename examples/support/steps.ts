import { type Attempt, type Outcome, PipelineError } from '@sluice/core';
import type { Calls } from './calls.ts';
import { duration, printTable } from './table.ts';
import { wordsOf } from './visitor.ts';

/** A line of the table at the end. */
type Row = readonly [step: string, upstream: string, attempts: string, outcome: string, time: string];

/** What has to come of a step. */
export interface Wanted extends Partial<Pick<Outcome, 'kind' | 'attempts'>> {
  /** Calls that it makes; what is wanted is said of the last to end. Default: one. */
  readonly calls?: number;
}

/** Takes the tour's steps, and keeps the table. */
export class Steps {
  /** Whether all has gone as it should. */
  ok = true;
  readonly #calls: Calls;
  readonly #rows: Row[] = [];

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** Takes a step that calls the app. */
  async take(title: string, wanted: Wanted, act: () => Promise<void>): Promise<readonly Outcome[]> {
    console.log(`\n${title}`);
    const ending = this.#calls.next(wanted.calls ?? 1);
    await act().catch((error: unknown) => {
      console.log(`  ! ${wordsOf(error)}`);
    });
    const outcomes = await ending;
    const last = outcomes.at(-1) as Outcome;
    const { kind = 'completed', attempts = 1 } = wanted;
    const asWanted = last.kind === kind && last.attempts === attempts;
    const durationMs = Math.max(...outcomes.map((outcome) => outcome.durationMs));
    this.#row(title, asWanted, last, asWanted ? kind : `${last.kind}, not ${kind}`, durationMs);
    return outcomes;
  }

  /** Takes a step that calls nobody. */
  async check(title: string, act: () => Promise<string>): Promise<void> {
    console.log(`\n${title}`);
    const startedAt = performance.now();
    const result = await act();
    this.#rows.push([title, '', '', result, duration(performance.now() - startedAt)]);
  }

  /** Says that something is not as it should be. */
  object(what: string): void {
    this.ok = false;
    console.log(`  ! ${what}`);
  }

  /** Prints the table. */
  print(): void {
    console.log('');
    printTable(['step', 'upstream', 'attempts', 'outcome', 'time'], this.#rows);
    if (!this.ok) console.log('\nSomething did not go as it should.');
  }

  #row(title: string, asWanted: boolean, last: Outcome, outcome: string, durationMs: number): void {
    this.ok &&= asWanted;
    const upstream = last.history.map(whereAndHow).join(', ');
    this.#rows.push([title, upstream || 'not asked', `${last.attempts}`, outcome, duration(durationMs)]);
  }
}

/** For instance `eu 503`. What our side gives up, because nobody wants it any more, looks to the upstream like a caller who left. */
function whereAndHow({ endpoint, status, error }: Attempt): string {
  const code = PipelineError.is(error) ? error.code : undefined;
  const how = code === 'client_abort' ? 'cancelled' : (code ?? status ?? 'failed');
  return `${endpoint?.id ?? ''} ${how}`.trim();
}
