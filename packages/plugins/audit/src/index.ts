export { audit } from './audit.ts';
export type { AuditOptions, CheckpointOptions } from './options.ts';
