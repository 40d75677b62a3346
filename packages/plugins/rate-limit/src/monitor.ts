import type { LimitEvent, LimitListener } from './events.ts';
import type { OutagePolicy } from './rule.ts';

/** A limiter's health and counts, for a health route or a metrics endpoint. */
export interface LimitReport {
  /** Whether the store answers. */
  readonly store: 'up' | 'out';
  /** Why it does not. */
  readonly reason: string | undefined;
  /** Outages so far. */
  readonly outages: number;
  /** Calls that were decided without the store, by policy. */
  readonly skipped: Readonly<Record<OutagePolicy, number>>;
  /** Calls that were refused, by rule. */
  readonly refused: Readonly<Record<string, number>>;
  /** Calls that would have been refused, by rule that is not enforced. */
  readonly shadowed: Readonly<Record<string, number>>;
  /** Calls that had to wait, by rule. */
  readonly waited: Readonly<Record<string, number>>;
  /** Calls whose usage was lost in an outage. */
  readonly settlementsLost: number;
}

/** Counts what a limiter reports. */
export interface LimitMonitor {
  /** To be given as the plugin's `onEvent`; one monitor may listen to several plugins. */
  readonly onEvent: LimitListener;
  /** The counts so far. */
  report(): LimitReport;
}

/** Makes a {@link LimitMonitor}. */
export function limitMonitor(): LimitMonitor {
  const refused: Record<string, number> = {};
  const shadowed: Record<string, number> = {};
  const waited: Record<string, number> = {};
  const skipped = { open: 0, closed: 0, local: 0 };
  let reason: string | undefined;
  let outages = 0;
  let settlementsLost = 0;
  const add = (counts: Record<string, number>, rule: string): void => {
    counts[rule] = (counts[rule] ?? 0) + 1;
  };
  const onEvent = (event: LimitEvent): void => {
    switch (event.type) {
      case 'limit-refuse':
        add(refused, event.rule);
        break;
      case 'limit-shadow':
        add(shadowed, event.rule);
        break;
      case 'wait-start':
        add(waited, event.rule);
        break;
      case 'store-out':
        outages++;
        reason = event.reason;
        break;
      case 'store-back':
        reason = undefined;
        break;
      case 'store-skip':
        skipped[event.policy]++;
        break;
      case 'settlement-lost':
        settlementsLost += event.calls;
        break;
      case 'limit-near':
      case 'limit-lower':
        break;
    }
  };
  return {
    onEvent,
    report: () => ({
      store: reason === undefined ? 'up' : 'out',
      reason,
      outages,
      skipped: { ...skipped },
      refused: { ...refused },
      shadowed: { ...shadowed },
      waited: { ...waited },
      settlementsLost,
    }),
  };
}
