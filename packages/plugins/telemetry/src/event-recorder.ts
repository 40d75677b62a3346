import { type Attributes, trace } from '@opentelemetry/api';
import { ATTRIBUTE, CIRCUIT_STATE } from './conventions.ts';
import type { Guard } from './guard.ts';
import type { Instruments } from './instruments.ts';
import { KnownNames } from './known-names.ts';
import type { PluginEvent } from './plugin-events.ts';

/** Types of events, and families of models, that are told apart. */
const MAX_NAMES = 100;

/**
 * Counts what other plugins report, keeps the state of each circuit, and notes the event on the span in whose time it
 * happened. Makes the listener.
 */
export function eventRecorder(
  instruments: () => Instruments | undefined,
  guard: Guard,
): (event: PluginEvent) => void {
  const types = new KnownNames(MAX_NAMES);
  const families = new KnownNames(MAX_NAMES);

  const record = ({ type, endpoint, family, rule }: PluginEvent): void => {
    types.learn(type);
    const attributes: Attributes = { [ATTRIBUTE.event]: types.of(type) };
    if (endpoint !== undefined) attributes[ATTRIBUTE.endpoint] = endpoint;
    if (rule !== undefined) attributes[ATTRIBUTE.rule] = rule;
    trace.getActiveSpan()?.addEvent(types.of(type), attributes);
    const into = instruments();
    if (into === undefined) return;
    into.events.add(1, attributes);

    const state = CIRCUIT_STATE[type];
    if (state === undefined || endpoint === undefined) return;
    const circuit: Attributes = { [ATTRIBUTE.endpoint]: endpoint };
    if (family !== undefined) {
      families.learn(family);
      circuit[ATTRIBUTE.family] = families.of(family);
    }
    into.circuitState.record(state, circuit);
  };

  return (event) => {
    try {
      record(event);
    } catch (error) {
      guard.failed(error);
    }
  };
}
