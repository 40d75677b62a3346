export type { CredentialEvent } from './credential-event.ts';
export { credentials } from './credentials.ts';
export {
  type CredentialSource,
  envKey,
  type ExpiringSecret,
  fileKey,
  type LoadedSecret,
} from './credential-source.ts';
export { KEY_STATES, KeyStates, type KeyStatus } from './key-states.ts';
export type { CredentialsOptions, PoolOptions } from './options.ts';
export { Secret } from './secret.ts';
