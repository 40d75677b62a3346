/** Clients do their calls themselves; the other subjects are proxies, and get theirs from the load. */
export function isClient(subject: string): boolean {
  return subject.startsWith('sdk-');
}

/** What a subject is compared with, round by round. */
export function baselineOf(subject: string): string {
  return isClient(subject) ? 'sdk-global-fetch' : 'bare';
}
