import { CHANNELS } from './channels.ts';

/**
 * What a plugin reports of itself: `circuit-open`, `limit-refuse`, `key-cooled`. The events of all our plugins have this
 * shape, and those of yours may.
 */
export interface PluginEvent {
  /** What happened, as `noun-verb`. */
  readonly type: string;
  /** The endpoint it is about. */
  readonly endpoint?: string | undefined;
  /** The model family it is about. */
  readonly family?: string | undefined;
  /** The rule it is about. */
  readonly rule?: string | undefined;
}

/** Brings the events of other plugins to telemetry; made by {@link pluginEvents}. */
export class PluginEvents {
  readonly #listeners = new Set<(event: PluginEvent) => void>();

  /** To be given to other plugins, as their `onEvent` or `onChange`. Never throws. */
  readonly emit = (event: PluginEvent): void => {
    if (CHANNELS.event.hasSubscribers) CHANNELS.event.publish(event);
    for (const listener of this.#listeners) listener(event);
  };

  /** A telemetry plugin begins its work. For the plugin; its listener does not throw. */
  attach(listener: (event: PluginEvent) => void): void {
    this.#listeners.add(listener);
  }

  /** A telemetry plugin has closed. For the plugin. */
  detach(listener: (event: PluginEvent) => void): void {
    this.#listeners.delete(listener);
  }
}

/**
 * Makes what events pass through: `telemetry({ events })` and `circuitBreaker({ onChange: events.emit })`. So plugins
 * need not know of each other.
 */
export function pluginEvents(): PluginEvents {
  return new PluginEvents();
}
