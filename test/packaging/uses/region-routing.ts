// What the packaging check runs in a folder that has nothing but the tarballs of core and of this plugin.
import { createPipeline, provide } from '@sluice/core';
import {
  ENDPOINT_HEALTH,
  type EndpointHealth,
  endpointHealth,
  regionRouting,
  type RegionRoutingOptions,
} from '@sluice/region-routing';

const options: RegionRoutingOptions = {
  endpoints: [{ id: 'eu', region: 'eu', url: 'https://eu.test', credential: { bearer: () => 'token' } }],
  allowedRegions: ['eu'],
};
const health: EndpointHealth = endpointHealth();
await using pipeline = createPipeline({
  upstream: 'https://api.anthropic.com',
  plugins: [regionRouting(options)],
  services: [provide(ENDPOINT_HEALTH, () => health)],
});

const regions: readonly string[] = health.list(pipeline.clock).map(({ region }) => region);
if (regions.join() !== 'eu') throw new Error(`the endpoints are in ${regions.join()}`);
