import type { HrTime } from '@opentelemetry/api';

/** Milliseconds since the epoch as OpenTelemetry's seconds and nanoseconds: as a number, it would take a small one for a duration. */
export function hrTime(wallTime: number): HrTime {
  const seconds = Math.floor(wallTime / 1_000);
  return [seconds, Math.round((wallTime - seconds * 1_000) * 1e6)];
}
