/** One route that a mount lets through. */
export interface Route {
  /** Upper-case HTTP method. */
  readonly method: string;
  /** Path from the mount point; `:name` stands for one segment, for example `/v1/models/:id`. */
  readonly path: string;
  /** Largest request body. Default: the mount's `maxBodyBytes`. */
  readonly maxBodyBytes?: number;
  /** How long a request body may take to arrive, in milliseconds. Default: the mount's `bodyTimeoutMs`. */
  readonly bodyTimeoutMs?: number;
}

const MIB = 1 << 20;
/** Uploads of hundreds of megabytes need more than a minute; Node's own `server.requestTimeout` ends them at 300 s. */
const UPLOAD_MS = 300_000;

/** What the official SDKs call. Limits are the providers' own: batches 256 MB, files 500 MB. */
export const DEFAULT_ROUTES: readonly Route[] = [
  { method: 'POST', path: '/v1/messages' },
  { method: 'POST', path: '/v1/messages/count_tokens' },
  { method: 'POST', path: '/v1/messages/batches', maxBodyBytes: 256 * MIB, bodyTimeoutMs: UPLOAD_MS },
  { method: 'GET', path: '/v1/messages/batches' },
  { method: 'GET', path: '/v1/messages/batches/:id' },
  { method: 'DELETE', path: '/v1/messages/batches/:id' },
  { method: 'POST', path: '/v1/messages/batches/:id/cancel' },
  { method: 'GET', path: '/v1/messages/batches/:id/results' },
  { method: 'GET', path: '/v1/models' },
  { method: 'GET', path: '/v1/models/:id' },
  { method: 'POST', path: '/v1/files', maxBodyBytes: 500 * MIB, bodyTimeoutMs: UPLOAD_MS },
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
  { method: 'POST', path: '/v1/batches' },
  { method: 'GET', path: '/v1/batches' },
  { method: 'GET', path: '/v1/batches/:id' },
  { method: 'POST', path: '/v1/batches/:id/cancel' },
];

/** A look-up of method and path. */
export interface RouteTable {
  /** The route, or undefined when there is none for this method and path. */
  find(method: string, path: string): Route | undefined;
  /** The methods that a path accepts; none when there is no such path. */
  methods(path: string): readonly string[];
}

/** An identifier: no dots alone, no percent signs, nothing that a URL parser would take for something else. */
const SEGMENT = /^(?!\.{1,2}$)[\w.:@~-]{1,256}$/;

/** Compiles routes into a look-up, exact: what is not listed does not exist. */
export function routeTable(routes: readonly Route[]): RouteTable {
  const fixed = new Map<string, Map<string, Route>>();
  const patterns: { readonly segments: readonly string[]; readonly route: Route }[] = [];
  // The last of two routes with the same method and path counts.
  for (const route of routes.toReversed()) {
    if (route.path.includes('/:')) {
      patterns.push({ segments: route.path.split('/'), route });
      continue;
    }
    const byMethod = fixed.get(route.path) ?? new Map<string, Route>();
    if (!byMethod.has(route.method)) fixed.set(route.path, byMethod.set(route.method, route));
  }
  const matching = (path: string): readonly Route[] => {
    const segments = path.split('/');
    return patterns.filter((pattern) => fits(pattern.segments, segments)).map(({ route }) => route);
  };
  return {
    find: (method, path) =>
      fixed.get(path)?.get(method) ?? matching(path).find((route) => route.method === method),
    methods: (path) => [
      ...new Set([...(fixed.get(path)?.keys() ?? []), ...matching(path).map(({ method }) => method)]),
    ],
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
