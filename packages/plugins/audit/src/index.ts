export { audit } from './audit.ts';
export type { ChainState } from './chain/chain.ts';
export { readVerifier, type Verifier, verifierText } from './chain/note.ts';
export type { Direction } from './chain/salts.ts';
export type { Digest, Tree } from './chain/tree.ts';
export { type ContentKey, openContent, type Sealed } from './content/encrypt.ts';
export type { ContentMode, ContentModes, ContentOptions } from './content/policy.ts';
export type { AuditAlert, Durability, OverflowPolicy } from './log/settings.ts';
export type { AuditOptions, CheckpointOptions } from './options.ts';
export { requestErasure } from './retention/erasure.ts';
export type { HoldSelector, LegalHold, RetentionOptions } from './retention/retention.ts';
export { type AuditLines, functionSink } from './sinks/function-sink.ts';
export { inBackground, type InBackgroundOptions } from './sinks/in-background.ts';
export {
  readRedisStream,
  type RedisStreamOptions,
  redisStreamSink,
  type RedisStreams,
} from './sinks/redis-stream-sink.ts';
export {
  AUDIT_SINKS,
  type AuditBatch,
  type AuditSink,
  type AuditSinks,
  type SinkEvent,
  type SinkTools,
} from './sinks/sink.ts';
export { matchContent, type MatchOptions } from './verify/match.ts';
export { checkProof, type InclusionProof, type ProveOptions, proveRecord } from './verify/prove.ts';
export type { Problem, VerifyReport } from './verify/report.ts';
export { verifyLog, type VerifyOptions } from './verify/verify.ts';
