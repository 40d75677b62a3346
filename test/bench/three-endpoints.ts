import type { RoutingEndpoint } from '@sluice/region-routing';

/** Three endpoints in three regions, all of them the one upstream. */
export function threeEndpoints(upstreamUrl: string): readonly RoutingEndpoint[] {
  return ['eu', 'us', 'jp'].map((id) => ({
    id,
    region: id,
    url: upstreamUrl,
    credential: { header: 'x-api-key', value: `key-of-${id}` },
  }));
}
