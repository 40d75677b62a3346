import * as v from 'valibot';

const circuit = v.strictObject({
  endpoint: v.string(),
  family: v.exactOptional(v.string()),
  /** When it may be probed, in wall-clock milliseconds. */
  openUntil: v.pipe(v.number(), v.finite()),
  /** How much of its time was left when this was written: the bound for a clock that was set back since. */
  openForMs: v.pipe(v.number(), v.finite(), v.minValue(0)),
  opens: v.pipe(v.number(), v.integer(), v.minValue(0)),
  reason: v.exactOptional(
    v.picklist(['failure-rate', 'consecutive-failures', 'slow-first-event', 'probe-failed']),
  ),
});

const isolation = v.strictObject({
  endpoint: v.string(),
  since: v.pipe(v.number(), v.finite()),
  reason: v.exactOptional(v.string()),
});

const schema = v.strictObject({
  version: v.literal(1),
  circuits: v.array(circuit),
  isolated: v.array(isolation),
});

/** What of the circuits must survive a restart: those that are not closed, and what was isolated by hand. */
export type CircuitSnapshot = v.InferOutput<typeof schema>;

/**
 * Reads what somebody kept in a file or a store.
 *
 * @throws TypeError When it is no snapshot.
 */
export function readSnapshot(given: unknown): CircuitSnapshot {
  const result = v.safeParse(schema, given);
  if (result.success) return result.output;
  const [{ message, path }] = result.issues;
  const where = path?.map(({ key }) => String(key)).join('.') ?? 'it';
  throw new TypeError(
    `circuits: this is no snapshot (${where}: ${message}); pass what export() returned, unchanged.`,
  );
}
