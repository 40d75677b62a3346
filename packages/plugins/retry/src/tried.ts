import type { Disposition } from '@sluice/core';

/** One endpoint that a call was sent to; without routing there is a single one, which has no id. */
interface Visit {
  readonly id: string | undefined;
  /** When it may be asked again, on the monotonic clock. */
  notBefore: number;
  /** It said that asking it again is of no use. */
  dead: boolean;
}

/** Where a call has been and what came of it, so that no endpoint is asked before it said or after it said never. */
export class Tried {
  readonly #visits: Visit[] = [];
  /** Until when whoever was asked since the last attempt refuses to be sent anything. */
  #refusedUntil = Infinity;

  /** Takes note of a failed attempt. */
  note(id: string | undefined, { retry, retryAfterMs = 0 }: Disposition, now: number): void {
    this.#refusedUntil = Infinity;
    let visit = this.#visits.find((one) => one.id === id);
    if (visit === undefined) {
      visit = { id, notBefore: 0, dead: false };
      this.#visits.push(visit);
    }
    visit.notBefore = now + retryAfterMs;
    visit.dead ||= retry === 'no';
  }

  /** Takes note that all refuse for a time, without being sent anything: all but those that were left out. */
  noteRefusal({ retryAfterMs = 0 }: Disposition, leftOut: readonly string[], now: number): void {
    this.#refusedUntil = now + retryAfterMs;
    for (const visit of this.#visits) {
      if (visit.id !== undefined && leftOut.includes(visit.id)) continue;
      visit.notBefore = Math.max(visit.notBefore, this.#refusedUntil);
    }
  }

  /** Everywhere it has been. */
  all(): string[] {
    return this.#idsOf(this.#visits);
  }

  /** Milliseconds until one of them may be asked again. */
  floorMs(now: number): number {
    let first = this.#refusedUntil;
    for (const { dead, notBefore } of this.#visits) if (!dead) first = Math.min(first, notBefore);
    return first === Infinity ? 0 : Math.max(0, first - now);
  }

  /** Those that may not be asked at a time. */
  closedAt(time: number): string[] {
    return this.#idsOf(this.#visits.filter(({ dead, notBefore }) => dead || notBefore > time));
  }

  #idsOf(visits: readonly Visit[]): string[] {
    return visits.map(({ id }) => id).filter((id) => id !== undefined);
  }
}
