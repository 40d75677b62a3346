/** One route that a mount lets through. */
export interface Route {
  /** Upper-case HTTP method. */
  readonly method: string;
  /** Path from the mount point; `:name` stands for one segment, for example `/v1/models/:id`. */
  readonly path: string;
  /** Largest request body. Default: the mount's `maxBodyBytes`. */
  readonly maxBodyBytes?: number;
}

const MIB = 1 << 20;

/** What the official SDKs call. Limits are the providers' own: batches 256 MB, files 500 MB. */
export const DEFAULT_ROUTES: readonly Route[] = [
  { method: 'POST', path: '/v1/messages' },
  { method: 'POST', path: '/v1/messages/count_tokens' },
  { method: 'POST', path: '/v1/messages/batches', maxBodyBytes: 256 * MIB },
  { method: 'GET', path: '/v1/messages/batches' },
  { method: 'GET', path: '/v1/messages/batches/:id' },
  { method: 'DELETE', path: '/v1/messages/batches/:id' },
  { method: 'POST', path: '/v1/messages/batches/:id/cancel' },
  { method: 'GET', path: '/v1/messages/batches/:id/results' },
  { method: 'GET', path: '/v1/models' },
  { method: 'GET', path: '/v1/models/:id' },
  { method: 'POST', path: '/v1/files', maxBodyBytes: 500 * MIB },
  { method: 'GET', path: '/v1/files' },
  { method: 'GET', path: '/v1/files/:id' },
  { method: 'DELETE', path: '/v1/files/:id' },
  { method: 'GET', path: '/v1/files/:id/content' },
  { method: 'POST', path: '/v1/chat/completions' },
  { method: 'POST', path: '/v1/responses' },
  { method: 'GET', path: '/v1/responses/:id' },
  { method: 'DELETE', path: '/v1/responses/:id' },
  { method: 'POST', path: '/v1/responses/:id/cancel' },
  { method: 'GET', path: '/v1/responses/:id/input_items' },
  { method: 'POST', path: '/v1/embeddings' },
];

/** What a look-up found: a route, or why there is none. */
export type RouteMatch = Route | 'route_not_found' | 'method_not_allowed';

/** An identifier: no dots alone, no percent signs, nothing that a URL parser would take for something else. */
const SEGMENT = /^(?!\.{1,2}$)[\w.:@~-]{1,256}$/;

/** Compiles routes into a look-up of method and path, exact: what is not listed does not exist. */
export function routeTable(routes: readonly Route[]): (method: string, path: string) => RouteMatch {
  const fixed = new Map<string, Map<string, Route>>();
  const patterns: { readonly segments: readonly string[]; readonly route: Route }[] = [];
  for (const route of routes) {
    if (route.path.includes('/:')) patterns.push({ segments: route.path.split('/'), route });
    else fixed.set(route.path, (fixed.get(route.path) ?? new Map<string, Route>()).set(route.method, route));
  }
  return (method, path) => {
    const byMethod = fixed.get(path);
    const exact = byMethod?.get(method);
    if (exact !== undefined) return exact;
    const segments = path.split('/');
    const matching = patterns.filter((pattern) => fits(pattern.segments, segments));
    const found = matching.find(({ route }) => route.method === method);
    if (found !== undefined) return found.route;
    return byMethod !== undefined || matching.length > 0 ? 'method_not_allowed' : 'route_not_found';
  };
}

function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every((part, i) => {
      const segment = segments[i] as string;
      return part.startsWith(':') ? SEGMENT.test(segment) : part === segment;
    })
  );
}
