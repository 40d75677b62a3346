import type { Attempt, Context, Outcome } from '@sluice/core';
import { type Ending, type EndingKind, endingOf } from './ending.ts';
import { Histogram } from './histogram.ts';
import { LiveCalls, type LiveCall } from './live-calls.ts';
import { Ring } from './ring.ts';
import { RollingTable } from './rolling.ts';
import { Seconds } from './seconds.ts';
import { short } from './short.ts';
import { tenantOf } from './tenant-of.ts';

/** A refusal or a failure. */
export interface Problem extends Pick<Ending, 'plugin' | 'endpoint' | 'region' | 'code'> {
  readonly kind: 'refused' | 'failed';
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly status: number;
  readonly model: string | undefined;
  readonly tenant: string | undefined;
  readonly durationMs: number;
}

/** A call that has ended: where its dot goes. */
export interface Ended extends Pick<Ending, 'kind' | 'plugin' | 'endpoint'> {
  /** The call's number. */
  readonly id: number;
}

/** Counts since the start. */
export interface Totals extends Record<EndingKind, number> {
  /** Attempts beyond the first of each call. */
  retries: number;
  /** Tokens as the providers counted them. */
  inputTokens: number;
  outputTokens: number;
}

/** Columns of the chart of seconds. */
export const SECOND_COLUMNS: readonly EndingKind[] = ['served', 'cached', 'refused', 'failed', 'left'];
/** Columns of the table of tenants. */
export const TENANT_COLUMNS: readonly string[] = [...SECOND_COLUMNS, 'inputTokens', 'outputTokens'];
/** Columns of the table of endpoints; `firstMs` is a sum, of `first` times. */
export const ENDPOINT_COLUMNS: readonly string[] = ['attempts', 'failed', 'first', 'firstMs'];

const MAX_TENANTS = 128;
const MAX_ENDPOINTS = 64;
const MAX_PROBLEMS = 40;
/** Dots that a page draws at once are fewer. */
const MAX_ENDED = 64;

/** What is remembered of calls: sums, and the last few. As much memory after a million calls as after a thousand. */
export class Records {
  readonly live: LiveCalls = new LiveCalls();
  readonly latency: Histogram = new Histogram();
  readonly firstEvent: Histogram = new Histogram();
  readonly seconds: Seconds = new Seconds(SECOND_COLUMNS.length);
  readonly tenants: RollingTable = new RollingTable(TENANT_COLUMNS.length, MAX_TENANTS);
  readonly endpoints: RollingTable = new RollingTable(ENDPOINT_COLUMNS.length, MAX_ENDPOINTS);
  /** What was answered by which plugin, by `kind:plugin`. */
  readonly answers: RollingTable = new RollingTable(1, MAX_ENDPOINTS);
  readonly problems: Ring<Problem> = new Ring(MAX_PROBLEMS);
  readonly ended: Ring<Ended> = new Ring(MAX_ENDED);
  readonly totals: Totals = {
    served: 0,
    cached: 0,
    refused: 0,
    failed: 0,
    left: 0,
    retries: 0,
    inputTokens: 0,
    outputTokens: 0,
  };

  /** A call has come in. */
  began(ctx: Context, now: number): LiveCall {
    return this.live.add(ctx, now);
  }

  /** A call has ended. */
  finished(call: LiveCall, outcome: Outcome, now: number, wallTime: number): void {
    this.live.remove(call);
    const { ctx } = call;
    const ending = endingOf(outcome, ctx.state);
    const { kind, plugin, endpoint, region, code } = ending;
    const { history, usage, status, durationMs } = outcome;
    const column = SECOND_COLUMNS.indexOf(kind);
    this.totals[kind]++;
    this.totals.retries += Math.max(0, history.length - 1);
    this.seconds.add(column, now);
    this.answers.row(plugin === undefined ? kind : `${kind}:${plugin}`).add(0, now);
    // What plugins answer takes no time, and would hide what the upstream takes.
    if (kind !== 'left' && history.length > 0) this.latency.record(durationMs, now);
    for (const attempt of history) this.#attempted(attempt, call, now);
    this.ended.push({ id: call.id, kind, plugin, endpoint });
    const tenant = tenantOf(ctx);
    const row = tenant === undefined ? undefined : this.tenants.row(tenant);
    row?.add(column, now);
    if (usage !== undefined && kind !== 'cached') {
      const { inputTokens = 0, outputTokens = 0 } = usage;
      this.totals.inputTokens += inputTokens;
      this.totals.outputTokens += outputTokens;
      row?.add(SECOND_COLUMNS.length, now, inputTokens);
      row?.add(SECOND_COLUMNS.length + 1, now, outputTokens);
    }
    if (kind !== 'refused' && kind !== 'failed') return;
    const model = ctx.model === undefined ? undefined : short(ctx.model);
    this.problems.push({
      kind,
      plugin,
      endpoint,
      region,
      code,
      at: wallTime,
      status,
      model,
      tenant,
      durationMs,
    });
  }

  #attempted(
    { endpoint, startedAt, firstContentMs, disposition }: Attempt,
    call: LiveCall,
    now: number,
  ): void {
    const row = this.endpoints.row(short(endpoint?.id ?? ''));
    row.add(0, now);
    if (disposition?.health === 'failure') row.add(1, now);
    if (firstContentMs === undefined) return;
    row.add(2, now);
    row.add(3, now, firstContentMs);
    // As the caller saw it: with what came before the attempt.
    this.firstEvent.record(startedAt - call.startedAt + firstContentMs, now);
  }
}
