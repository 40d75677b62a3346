/** A window of the calendar. */
export interface CalendarWindow {
  /** For example `2026-01` or `2026-01-31`, in the time zone. */
  readonly id: string;
  /** Its first instant, in milliseconds since the Unix epoch. */
  readonly startsAt: number;
  /** The first instant after it. */
  readonly endsAt: number;
}

const DAY_MS = 86_400_000;
/** From any day of a month to the next month's: more than this never lies between. */
const LONGEST_MS = { day: 2 * DAY_MS, month: 33 * DAY_MS };

/** Whether the runtime knows a time zone. */
export function isTimeZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** Finds windows of the calendar; the last one is kept, because the next call is mostly in it too. */
export class Calendar {
  readonly #unit: 'day' | 'month';
  readonly #format: Intl.DateTimeFormat;
  #last: CalendarWindow | undefined;

  constructor(unit: 'day' | 'month', timeZone: string) {
    this.#unit = unit;
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    });
  }

  /** The window that an instant lies in. */
  at(wallTime: number): CalendarWindow {
    const last = this.#last;
    if (last !== undefined && last.startsAt <= wallTime && wallTime < last.endsAt) return last;
    const id = this.#id(wallTime);
    const longest = LONGEST_MS[this.#unit];
    const window = {
      id,
      startsAt: this.#firstInstant(wallTime - longest, wallTime, (other) => other >= id),
      endsAt: this.#firstInstant(wallTime, wallTime + longest, (other) => other > id),
    };
    this.#last = window;
    return window;
  }

  #id(wallTime: number): string {
    const parts = new Map(this.#format.formatToParts(wallTime).map(({ type, value }) => [type, value]));
    const month = `${parts.get('year')?.padStart(4, '0')}-${parts.get('month')}`;
    return this.#unit === 'month' ? month : `${month}-${parts.get('day')}`;
  }

  /**
   * The first instant in `(from, to]` whose id fits. Found by halving and not by arithmetic: a midnight may not exist,
   * and a day may be skipped.
   */
  #firstInstant(from: number, to: number, fits: (id: string) => boolean): number {
    let [before, found] = [Math.floor(from), Math.ceil(to)];
    while (found - before > 1) {
      const middle = Math.floor((before + found) / 2);
      if (fits(this.#id(middle))) found = middle;
      else before = middle;
    }
    return found;
  }
}
