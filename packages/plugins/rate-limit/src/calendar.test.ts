import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Calendar } from './calendar.ts';

const at = (iso: string): number => Date.parse(iso);

describe('a window of the calendar', () => {
  test.each<['day' | 'month', string, string, string, string, string]>([
    ['day', 'UTC', '2026-03-01T12:00:00Z', '2026-03-01', '2026-03-01T00:00:00Z', '2026-03-02T00:00:00Z'],
    ['month', 'UTC', '2026-02-28T23:59:59Z', '2026-02', '2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z'],
    [
      'day',
      'Asia/Shanghai',
      '2026-03-01T16:00:00Z',
      '2026-03-02',
      '2026-03-01T16:00:00Z',
      '2026-03-02T16:00:00Z',
    ],
    [
      'month',
      'Asia/Shanghai',
      '2026-01-31T16:00:00Z',
      '2026-02',
      '2026-01-31T16:00:00Z',
      '2026-02-28T16:00:00Z',
    ],
    // 23 and 25 hours.
    [
      'day',
      'Europe/Berlin',
      '2026-03-29T12:00:00Z',
      '2026-03-29',
      '2026-03-28T23:00:00Z',
      '2026-03-29T22:00:00Z',
    ],
    [
      'day',
      'Europe/Berlin',
      '2026-10-25T12:00:00Z',
      '2026-10-25',
      '2026-10-24T22:00:00Z',
      '2026-10-25T23:00:00Z',
    ],
    // A day without its midnight.
    [
      'day',
      'Africa/Cairo',
      '2026-04-24T12:00:00Z',
      '2026-04-24',
      '2026-04-23T22:00:00Z',
      '2026-04-24T21:00:00Z',
    ],
    [
      'month',
      'America/New_York',
      '2026-03-31T23:00:00-04:00',
      '2026-03',
      '2026-03-01T00:00:00-05:00',
      '2026-04-01T00:00:00-04:00',
    ],
  ])('%s in %s at %s is %s', (unit, zone, when, id, starts, ends) => {
    expect(new Calendar(unit, zone).at(at(when))).toEqual({ id, startsAt: at(starts), endsAt: at(ends) });
  });

  test('holds its instant, and the next one begins where it ends', () => {
    const zones = ['UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'Pacific/Chatham', 'America/St_Johns'];
    fc.assert(
      fc.property(
        fc.constantFrom<'day' | 'month'>('day', 'month'),
        fc.constantFrom(...zones),
        fc.integer({ min: at('2020-01-01T00:00:00Z'), max: at('2040-01-01T00:00:00Z') }),
        (unit, zone, instant) => {
          const calendar = new Calendar(unit, zone);
          const window = calendar.at(instant);
          expect(window.startsAt).toBeLessThanOrEqual(instant);
          expect(window.endsAt).toBeGreaterThan(instant);
          expect(calendar.at(window.startsAt).id).toBe(window.id);
          expect(calendar.at(window.endsAt - 1).id).toBe(window.id);
          expect(calendar.at(window.endsAt).startsAt).toBe(window.endsAt);
        },
      ),
      { numRuns: 150 },
    );
  });
});
