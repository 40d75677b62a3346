import type { Clock } from '@sluice/core';

/** When, by both clocks: the wall clock says what time it was, the other one how much time has passed. */
export function stamp(clock: Clock): string {
  return `"time":"${isoTime(clock.wallTime())}","monotonicMs":${Math.round(clock.now())}`;
}

/** The end of a time, for each millisecond of a second. */
const ENDS: readonly string[] = Array.from({ length: 1_000 }, (_, ms) => `${String(ms).padStart(3, '0')}Z`);
let lastSecond = NaN;
let lastText = '';

/** ISO 8601 in UTC. The seconds are kept: a `Date` for each record costs as much as a hash. */
export function isoTime(wallMs: number): string {
  const second = Math.floor(wallMs / 1000);
  if (second !== lastSecond) {
    lastText = new Date(second * 1000).toISOString().slice(0, 20);
    lastSecond = second;
  }
  return lastText + ENDS[Math.floor(wallMs) - second * 1000];
}
