import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { parseKeys, type VirtualKey } from './virtual-key.ts';

/** A million keys take less. */
const MAX_FILE_BYTES = 256 << 20;

/**
 * Reads a file of keys.
 *
 * @throws Error That names the line which is no key, and holds nothing of it.
 */
export async function readKeyFile(path: string): Promise<ReadonlyMap<string, VirtualKey>> {
  const { size } = await stat(path);
  if (size > MAX_FILE_BYTES) throw new RangeError(`it is larger than ${MAX_FILE_BYTES} bytes`);
  return parseKeys(await readFile(path, 'utf8'));
}

/** Puts a new file in the place of the old one, at once: whoever reads sees the one or the other. */
export async function writeKeyFile(path: string, keys: Iterable<VirtualKey>): Promise<void> {
  const lines = Array.from(keys, (key) => `${JSON.stringify(key)}\n`);
  const beside = `${path}.new`;
  const file = await open(beside, 'w', 0o600);
  try {
    await file.writeFile(lines.join(''));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
}

/**
 * Holds a lock file meanwhile, so that two who change the file do not lose each other's keys.
 *
 * @throws Error When somebody else holds it, or died while holding it.
 */
export async function whileLocked<T>(path: string, change: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  try {
    await (await open(lock, 'wx')).close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new Error(`somebody else is changing ${path}; if nobody is, remove ${lock}`, { cause: error });
  }
  try {
    return await change();
  } finally {
    await rm(lock, { force: true });
  }
}
