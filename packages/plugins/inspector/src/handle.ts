import { Records } from './records.ts';

/**
 * What an inspector has seen, for the page that shows it; made by {@link inspectorHandle}. Pipelines that are given the
 * same one are shown as one, so that a hot swap does not begin anew.
 */
export class InspectorHandle {
  /** What was seen. For the page. */
  readonly records: Records = new Records();
  readonly #closers = new Set<() => void>();
  #pipelines = 0;

  /** A pipeline begins its work. For the plugin. */
  attach(): void {
    this.#pipelines++;
  }

  /** A pipeline has closed: with the last one, pages are disconnected. For the plugin. */
  detach(): void {
    this.#pipelines--;
    if (this.#pipelines === 0) for (const close of this.#closers) close();
  }

  /** Whether a pipeline with it is at work. For the page. */
  get isAttached(): boolean {
    return this.#pipelines > 0;
  }

  /** Calls `close` when the last pipeline has closed. For the page. */
  onClose(close: () => void): void {
    this.#closers.add(close);
  }
}

/** Makes a handle: `inspector({ handle })`, then `mount(pipeline, handle)`. */
export function inspectorHandle(): InspectorHandle {
  return new InspectorHandle();
}
