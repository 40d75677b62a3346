import type { Clock, Pipeline, TimerHandle } from '@sluice/core';
import { quickSections, type Sections, slowSections } from './sections.ts';
import type { Records } from './records.ts';

/** Somebody who watches. */
export interface Viewer {
  /** Takes a piece of the event stream, or goes away by itself when it cannot keep up. */
  send(text: string): void;
  /** There will be no more. */
  end(): void;
}

/** Time between two looks, in milliseconds. */
const LOOK_MS = 250;
/** Every so many looks, everything is looked at. */
const SLOW_LOOK = 4;

/** Tells the viewers what has changed, four times a second at most; looks at nothing while there are none. */
export class Feed {
  readonly #pipeline: Pipeline;
  readonly #records: Records;
  readonly #maxViewers: number;
  readonly #clock: Clock;
  readonly #viewers = new Set<Viewer>();
  /** What the viewers know, by section, as it was sent. */
  readonly #known = new Map<string, string>();
  #endedSeen = 0;
  #looks = 0;
  #timer: TimerHandle;

  constructor(pipeline: Pipeline, records: Records, maxViewers: number) {
    this.#pipeline = pipeline;
    this.#records = records;
    this.#maxViewers = maxViewers;
    this.#clock = pipeline.clock;
  }

  /** Whether there is room for another viewer. */
  get hasRoom(): boolean {
    return this.#viewers.size < this.#maxViewers;
  }

  /** Shows a viewer everything, and from then on what changes. */
  join(viewer: Viewer): void {
    const now = this.#clock.now();
    const all = {
      ...slowSections(this.#pipeline, this.#records, now, true),
      ...quickSections(this.#records, now),
    };
    if (this.#viewers.size === 0) {
      this.#endedSeen = this.#records.ended.count;
      this.#timer = this.#clock.setTimeout(this.#look, LOOK_MS);
    }
    this.#viewers.add(viewer);
    // What was shown just now may be news to the others, and the next change be none.
    this.#known.clear();
    viewer.send(event({ ...all, wallTime: this.#clock.wallTime() }));
  }

  /** A viewer has gone. */
  leave(viewer: Viewer): void {
    if (!this.#viewers.delete(viewer) || this.#viewers.size > 0) return;
    this.#clock.clearTimeout(this.#timer);
  }

  /** Sends all viewers away. */
  close(): void {
    for (const viewer of this.#viewers) {
      this.leave(viewer);
      viewer.end();
    }
  }

  readonly #look = (): void => {
    const now = this.#clock.now();
    const slow = ++this.#looks % SLOW_LOOK === 0;
    const news: Record<string, unknown> = this.#changed({
      ...quickSections(this.#records, now),
      ...(slow ? slowSections(this.#pipeline, this.#records, now, false) : {}),
    });
    const { ended } = this.#records;
    if (ended.count > this.#endedSeen) news['ended'] = ended.since(this.#endedSeen);
    this.#endedSeen = ended.count;
    this.#timer = this.#clock.setTimeout(this.#look, LOOK_MS);
    if (Object.keys(news).length === 0) return;
    const text = event(news);
    for (const viewer of this.#viewers) viewer.send(text);
  };

  /** What the viewers do not know yet. */
  #changed(sections: Sections): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(sections).filter(([name, section]) => {
        const text = JSON.stringify(section);
        if (this.#known.get(name) === text) return false;
        this.#known.set(name, text);
        return true;
      }),
    );
  }
}

/** JSON has no line breaks, so it is one line of an event. */
function event(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
