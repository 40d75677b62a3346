/**
 * Whether a path is one of the routes, with or without a prefix. It is compared as a lenient upstream would read it
 * (any case, percent-encoding, a slash at the end): a request that matches no format is moderated by nobody.
 */
export function endsWithRoute(path: string, routes: readonly string[]): boolean {
  let plain = (path.includes('%') ? decode(path) : path).toLowerCase();
  while (plain.endsWith('/')) plain = plain.slice(0, -1);
  for (const route of routes) if (plain.endsWith(route)) return true;
  return false;
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
