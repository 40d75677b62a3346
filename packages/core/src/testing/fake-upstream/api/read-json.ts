/** A field of a JSON value, or undefined when the value is no object or has no such field of its own. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

/** A JSON value as a list; what is none is an empty one. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** A JSON value if it is a string. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/**
 * All text that a message, its content, or a list of them has, in whichever dialect. Looks no deeper than real messages
 * are nested, so that a hostile body costs nothing.
 */
export function textWithin(value: unknown, depth: number = 6): string {
  if (typeof value === 'string') return value;
  if (depth === 0) return '';
  if (Array.isArray(value)) return value.map((item) => textWithin(item, depth - 1)).join('');
  for (const name of ['text', 'content', 'output']) {
    const inner = field(value, name);
    if (inner !== undefined) return textWithin(inner, depth - 1);
  }
  return '';
}
