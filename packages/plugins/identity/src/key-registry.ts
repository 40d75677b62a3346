import type { VirtualKey } from './virtual-key.ts';

/** Where keys are written, apart from where calls look them up. */
export interface KeyRegistry {
  /** Every key, revoked and expired ones too. */
  list(): Promise<readonly VirtualKey[]>;
  /** Adds a key, or replaces the one of the same id. */
  put(key: VirtualKey): Promise<void>;
}

/**
 * Revokes a key from now on.
 *
 * @param now Milliseconds since the Unix epoch.
 * @returns False when there is no such key.
 */
export async function revokeKey(registry: KeyRegistry, id: string, now: number): Promise<boolean> {
  const key = (await registry.list()).find((one) => one.id === id);
  if (key === undefined) return false;
  // The first time counts: it is what an audit asks for.
  if (key.revokedAt === undefined) await registry.put({ ...key, revokedAt: new Date(now).toISOString() });
  return true;
}
