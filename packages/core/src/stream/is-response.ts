/** Whether a value can be handed on as a response. By its shape, because the npm package undici has a `Response` of its own. */
export function isResponse(value: unknown): value is Response {
  if (value instanceof Response) return true;
  if (typeof value !== 'object' || value === null) return false;
  const { status, headers } = value as { status?: unknown; headers?: unknown };
  return typeof status === 'number' && typeof headers === 'object' && 'body' in value && 'bodyUsed' in value;
}

/** What somebody gave in place of a response, for a sentence that says so. */
export function kindOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return `a value of type ${Array.isArray(value) ? 'array' : typeof value}`;
}
