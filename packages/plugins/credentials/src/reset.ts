import { type Clock, headerRecord } from '@sluice/core';

/** Names of limits that are used up, `…-remaining` and `…-remaining-…`, and where their resets stand. */
const REMAINING = /^(anthropic-(?:ratelimit|priority|fast)-[a-z-]+|x-ratelimit)-remaining(-[a-z-]+)?$/;
/** As OpenAI writes durations: `6m0s`, `8.64s`, `120ms`, `1h2m3s`. */
const DURATION = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/;
const UNITS_MS = [86_400_000, 3_600_000, 60_000, 1_000, 1];

/** When the limit that an answer speaks of is there again, in milliseconds from now; undefined when it does not say. */
export function resetMs(response: Response, clock: Clock): number | undefined {
  const headers = headerRecord(response);
  let latest: number | undefined;
  for (const [name, value] of Object.entries(headers)) {
    const [, family, kind = ''] = REMAINING.exec(name) ?? [];
    if (family === undefined || Number(value) !== 0) continue;
    const reset = untilReset(String(headers[`${family}-reset${kind}`] ?? ''), clock);
    // Two that are used up: the call needs both.
    if (reset !== undefined) latest = Math.max(latest ?? 0, reset);
  }
  return latest;
}

function untilReset(text: string, clock: Clock): number | undefined {
  if (/^\d{4}-\d\d-\d\dT/.test(text)) {
    const time = Date.parse(text);
    return Number.isNaN(time) ? undefined : Math.max(0, time - clock.wallTime());
  }
  if (text === '' || text.length > 40) return undefined;
  const parts = DURATION.exec(text)?.slice(1);
  return parts?.reduce(
    (sum, part: string | undefined, index) => sum + Number(part ?? 0) * (UNITS_MS[index] as number),
    0,
  );
}
