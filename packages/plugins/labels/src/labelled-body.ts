import type { Format } from '@sluice/core';
import { groupOf, placeOf } from './places.ts';

/** Labels the first text of each choice of a whole answer, or the last. */
export function labelledBody(
  format: Format,
  body: unknown,
  position: 'prefix' | 'suffix',
  label: string,
): unknown {
  const chosen = new Map<string, string>();
  format.mapOutput(body, ({ channel, editable, key, text }) => {
    const place = placeOf(key);
    const group = groupOf(place);
    if (channel === 'text' && editable && (position === 'suffix' || !chosen.has(group)))
      chosen.set(group, place);
    return text;
  });
  const places = new Set(chosen.values());
  return format.mapOutput(body, ({ channel, key, text }) => {
    if (channel !== 'text' || !places.has(placeOf(key))) return text;
    return position === 'prefix' ? label + text : text + label;
  });
}
