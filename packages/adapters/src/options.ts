import { type Principal, validateOptions } from '@sluice/core';
import * as v from 'valibot';
import { BodyBudget } from './body-budget.ts';
import { DEFAULT_ROUTES, type Route, type RouteTable, routeTable } from './routes.ts';

/** Options that every mount takes. */
export interface MountOptions<Req> {
  /** Path under which the routes live, for example `/claude`, when the framework does not strip it. Default none. */
  readonly basePath?: string;
  /** Routes beside the built-in ones; the same method and path replaces one. */
  readonly routes?: readonly Route[];
  /**
   * Names the caller, from the host application's own login. Undefined: nobody known, and the pipeline's plugins
   * decide. A rejection is answered with 401.
   */
  readonly identify?: (req: Req) => Principal | undefined | Promise<Principal | undefined>;
  /** Largest request body of routes that have no limit of their own. Default 32 MiB, the Messages API's. */
  readonly maxBodyBytes?: number;
  /**
   * What request bodies may hold while they arrive, all of this mount's together: a body counts as it comes, until it is
   * whole or given up. What has no room is refused with 503 `overloaded`; a body larger than this, with 413. Default
   * 512 MiB.
   */
  readonly maxBufferedBytes?: number;
  /** How long a request body may take to arrive, in milliseconds. Default 60 000. */
  readonly bodyTimeoutMs?: number;
  /** How long a client may leave what was written to it unread before it is disconnected, in milliseconds. Default 30 000. */
  readonly writeStallMs?: number;
}

/** Validated options, with the routes compiled. */
export interface MountSettings<Req> {
  readonly basePath: string;
  readonly routes: RouteTable;
  readonly identify: MountOptions<Req>['identify'];
  readonly maxBodyBytes: number;
  readonly maxBufferedBytes: number;
  readonly budget: BodyBudget;
  readonly bodyTimeoutMs: number;
  readonly writeStallMs: number;
}

const positive = v.pipe(v.number('must be a number'), v.minValue(1, 'must be at least 1'));
const path = v.pipe(
  v.string('must be a path such as "/claude"'),
  v.regex(/^(\/[\w.~-]+)+$/, 'must be a path such as "/claude", without a slash at its end'),
);
const schema = v.strictObject({
  basePath: v.exactOptional(path),
  routes: v.exactOptional(
    v.array(
      v.strictObject({
        method: v.picklist(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']),
        path: v.pipe(v.string(), v.regex(/^(\/:?[\w.~-]+)+$/, 'must be a path such as "/v1/things/:id"')),
        maxBodyBytes: v.exactOptional(positive),
        bodyTimeoutMs: v.exactOptional(positive),
      }),
    ),
  ),
  identify: v.exactOptional(v.function('must be a function of the request')),
  maxBodyBytes: v.exactOptional(positive),
  maxBufferedBytes: v.exactOptional(positive),
  bodyTimeoutMs: v.exactOptional(positive),
  writeStallMs: v.exactOptional(positive),
});

/**
 * Checks a mount's options and fills in the defaults.
 *
 * @throws TypeError One sentence that says what to do.
 */
export function mountSettings<Req>(options: MountOptions<Req>): MountSettings<Req> {
  const checked = validateOptions('mount', schema, options) as MountOptions<Req>;
  const { maxBufferedBytes = 512 << 20 } = checked;
  return {
    basePath: checked.basePath ?? '',
    routes: routeTable([...DEFAULT_ROUTES, ...(checked.routes ?? [])]),
    identify: checked.identify,
    maxBodyBytes: checked.maxBodyBytes ?? 32 << 20,
    maxBufferedBytes,
    budget: new BodyBudget(maxBufferedBytes),
    bodyTimeoutMs: checked.bodyTimeoutMs ?? 60_000,
    writeStallMs: checked.writeStallMs ?? 30_000,
  };
}
