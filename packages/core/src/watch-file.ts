import { type BigIntStats, statSync, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from './clock.ts';

/** How often a watched file is looked at, in milliseconds, whatever the operating system tells of it. */
const POLL_MS = 1_000;

/**
 * Calls `changed` each time a file was written, replaced, or taken away. The operating system's word is taken as a
 * hint to look at once, and polling finds what it does not tell: network file systems, containers' mounted secrets.
 * Begin to watch before the first read, so that nothing is missed in between. Keeps no process alive.
 *
 * @returns Stops watching.
 */
export function watchFile(path: string, clock: Clock, changed: () => void): () => void {
  let stopped = false;
  // At once: what is written while the caller reads for the first time must be told.
  let seen = signature(statSync(path, { bigint: true, throwIfNoEntry: false }));
  let timer: unknown;
  let looking = false;
  let lookAgain = false;

  const look = async (): Promise<void> => {
    if (looking) {
      lookAgain = true;
      return;
    }
    looking = true;
    do {
      lookAgain = false;
      const found = signature(await stat(path, { bigint: true }).catch(() => undefined));
      if (stopped) return;
      if (found === seen) continue;
      seen = found;
      changed();
    } while (lookAgain);
    looking = false;
  };
  const poll = (): void => {
    timer = clock.setTimeout(poll, POLL_MS);
    void look();
  };
  const close = watchFolder(dirname(path), () => void look());
  poll();
  return () => {
    stopped = true;
    clock.clearTimeout(timer);
    close();
  };
}

/** The folder and not the file: a file that is replaced is another one, and a mounted secret is a link that moves. */
function watchFolder(folder: string, happened: () => void): () => void {
  try {
    const watcher = watch(folder, { persistent: false }, happened);
    watcher.on('error', () => {
      watcher.close();
    });
    return () => {
      watcher.close();
    };
  } catch {
    // No such folder, or too many watchers: polling does it alone.
    return () => undefined;
  }
}

function signature(stats: BigIntStats | undefined): string {
  return stats === undefined ? 'absent' : `${stats.ino} ${stats.size} ${stats.mtimeNs}`;
}
