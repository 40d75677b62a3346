export { fileKeyDirectory } from './file-key-directory.ts';
export { fileKeyRegistry } from './file-key-registry.ts';
export { identity } from './identity.ts';
export { type IssuedKey, issueKey, type KeyGrant } from './issue-key.ts';
export { KEY_DIRECTORY, type KeyDirectory } from './key-directory.ts';
export { type KeyRegistry, revokeKey } from './key-registry.ts';
export type { IdentityOptions, KeyFormOptions } from './options.ts';
export type { VirtualKey } from './virtual-key.ts';
