/** A parsed JSON object, or undefined. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

/** The items of an array; none of anything else. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

/** Whether any object within the value satisfies the test. Depth is bounded by core's scan of the body. */
export function someObject(
  value: unknown,
  test: (object: Readonly<Record<string, unknown>>) => boolean,
): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some((item) => someObject(item, test));
  const object = value as Readonly<Record<string, unknown>>;
  if (test(object)) return true;
  for (const name in object) {
    const field = object[name];
    if (typeof field === 'object' && field !== null && someObject(field, test)) return true;
  }
  return false;
}

/** Whether a field is there and says something. */
export function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false;
}
