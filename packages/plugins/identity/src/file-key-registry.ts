import { readKeyFile, whileLocked, writeKeyFile } from './key-file.ts';
import type { KeyRegistry } from './key-registry.ts';

/** Writes the file that a `fileKeyDirectory` reads; makes it with the first key. */
export function fileKeyRegistry(path: string): KeyRegistry {
  const read = async () => {
    try {
      return await readKeyFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map<never, never>();
      throw error;
    }
  };
  return {
    list: async () => [...(await read()).values()],
    put: (key) =>
      whileLocked(path, async () => {
        const keys = new Map(await read());
        keys.set(key.id, key);
        await writeKeyFile(path, keys.values());
      }),
  };
}
