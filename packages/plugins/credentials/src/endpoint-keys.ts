import { type ApiRequest, PipelineError, withoutCredentials } from '@sluice/core';
import type { KeyPool } from './key-pool.ts';
import type { KeyVersion } from './upstream-key.ts';

/** The keys of one endpoint, and how they are sent. */
export interface EndpointKeys {
  /** The endpoint's id, or `default`. */
  readonly endpoint: string;
  readonly header: string;
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** For calls without a tenant, and for others where keys are shared. */
  readonly pool: KeyPool | undefined;
  readonly tenants: ReadonlyMap<string, KeyPool>;
  readonly shared: boolean;
}

/**
 * The keys that a call of this tenant may use.
 *
 * @throws PipelineError `forbidden` when there are none.
 */
export function poolFor(
  { pool, tenants, shared, endpoint }: EndpointKeys,
  tenant: string | undefined,
): KeyPool {
  const own = tenant === undefined ? undefined : tenants.get(tenant);
  const found = own ?? (tenant === undefined || shared ? pool : undefined);
  if (found !== undefined) return found;
  const whose = tenant === undefined ? 'calls without a tenant have' : `tenant "${tenant}" has`;
  throw new PipelineError('forbidden', {
    plugin: 'credentials',
    message: 'There are no upstream credentials for this caller.',
    cause: `${whose} no keys at endpoint "${endpoint}"; give them some, or let tenants share keys by poolScope: 'shared'`,
  });
}

/** What chooses an account at the provider: as the key is ours, so is that choice, and who pays for the call. */
const ACCOUNT_HEADERS = [
  'openai-organization',
  'openai-project',
  'anthropic-organization-id',
  'anthropic-workspace-id',
];

/** The request with a key in the place of whatever the caller sent. */
export function withKey(
  request: ApiRequest,
  { header, headers }: EndpointKeys,
  version: KeyVersion,
): ApiRequest {
  const clean = withoutCredentials(request);
  const sent: Record<string, string> = { ...clean.headers, ...headers };
  for (const name of ACCOUNT_HEADERS) {
    // To delete makes an object slow: only what is there.
    if (sent[name] !== undefined && headers?.[name] === undefined) delete sent[name];
  }
  sent[header] = version.headerValue(header);
  return { ...clean, headers: sent };
}
