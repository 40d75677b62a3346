import * as v from 'valibot';
import type { OpenReason } from './circuits.ts';

/** What of the circuits must survive a restart. Plain data; times are wall-clock milliseconds since the Unix epoch. */
export interface CircuitSnapshot {
  /** Of this format. */
  readonly version: 1;
  /** Circuits that were not closed. */
  readonly circuits: readonly KeptCircuit[];
  /** Endpoints that were isolated by hand. */
  readonly isolated: readonly KeptIsolation[];
}

/** A circuit that was not closed. */
export interface KeptCircuit {
  /** Its endpoint. */
  readonly endpoint: string;
  /** Its model family; absent for calls that name no model. */
  readonly family?: string;
  /** When it may be probed. */
  readonly openUntil: number;
  /** How long that was to go, in milliseconds: the bound for a clock that was set back since. */
  readonly openForMs: number;
  /** How often it had opened in a row. */
  readonly opens: number;
  /** What had opened it. */
  readonly reason?: OpenReason;
}

/** An endpoint that was isolated by hand. */
export interface KeptIsolation {
  /** Which. */
  readonly endpoint: string;
  /** Since when. */
  readonly since: number;
  /** Why, if that was said. */
  readonly reason?: string;
}

const text = v.string('must be a string');
const time = v.pipe(v.number('must be a number'), v.finite('must be finite'));

const schema: v.GenericSchema<unknown, CircuitSnapshot> = v.strictObject({
  version: v.literal(1, 'must be 1'),
  circuits: v.array(
    v.strictObject({
      endpoint: text,
      family: v.exactOptional(text),
      openUntil: time,
      openForMs: v.pipe(time, v.minValue(0, 'must be at least 0')),
      opens: v.pipe(v.number('must be a number'), v.integer('must be a whole number'), v.minValue(0)),
      reason: v.exactOptional(
        v.picklist(
          ['failure-rate', 'consecutive-failures', 'slow-first-event', 'probe-failed'],
          'is no reason',
        ),
      ),
    }),
    'must be a list',
  ),
  isolated: v.array(
    v.strictObject({ endpoint: text, since: time, reason: v.exactOptional(text) }),
    'must be a list',
  ),
});

/**
 * Reads what somebody kept in a file or a store.
 *
 * @throws TypeError When it is no snapshot.
 */
export function readSnapshot(given: unknown): CircuitSnapshot {
  const result = v.safeParse(schema, given);
  if (result.success) return result.output;
  const [{ message, path = [] }] = result.issues;
  const where = path.map(({ key }) => String(key)).join('.');
  throw new TypeError(
    `circuits: this is no snapshot (${where === '' ? '' : `${where}: `}${message}); pass what export() returned, unchanged.`,
  );
}
