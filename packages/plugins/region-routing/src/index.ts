export type { EndpointCredential, RoutingEndpoint, Secret } from './endpoint.ts';
export {
  ENDPOINT_HEALTH,
  type EndpointHealth,
  endpointHealth,
  type EndpointRest,
  type EndpointStatus,
} from './endpoint-health.ts';
export type {
  CheckOptions,
  EjectionOptions,
  RegionRoutingOptions,
  RegionRule,
  RoutingStrategy,
} from './options.ts';
export { regionRouting } from './region-routing.ts';
