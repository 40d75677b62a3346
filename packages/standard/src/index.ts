export type { StandardRedis } from './redis-services.ts';
export type {
  DefaultedPart,
  OneUpstream,
  Part,
  SeveralEndpoints,
  StandardOptions,
  StandardParts,
} from './options.ts';
export { standardPipeline } from './standard-pipeline.ts';
