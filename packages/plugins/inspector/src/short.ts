/** Longest name that is kept: callers choose those of models, and some of tenants. */
const MAX_CHARS = 80;

/**
 * A name, cut where it is longer than anybody would read. Copied then: a part of a string keeps the whole of it in
 * memory.
 */
export function short(name: string): string {
  return name.length <= MAX_CHARS ? name : `${Buffer.from(name.slice(0, MAX_CHARS - 1)).toString()}…`;
}
