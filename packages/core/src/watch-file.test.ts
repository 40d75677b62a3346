import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fakeClock } from './testing/index.ts';
import { watchFile } from './watch-file.ts';

let folder: string;
let stop: () => void = () => undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-watch-'));
});
afterEach(async () => {
  stop();
  await rm(folder, { recursive: true, force: true });
});

/** Watches, and counts; the clock is moved until the count is reached, as file operations take real time. */
async function watching(path: string): Promise<{ until: (count: number) => Promise<void>; count: number }> {
  const clock = fakeClock();
  const seen = {
    count: 0,
    until: (count: number) =>
      vi.waitFor(
        async () => {
          await clock.advance(1_000);
          expect(seen.count).toBeGreaterThanOrEqual(count);
        },
        { timeout: 10_000, interval: 5 },
      ),
  };
  stop = watchFile(path, clock, () => seen.count++);
  await clock.advance(1_000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  return seen;
}

describe('watchFile', () => {
  it('tells of a file that is written, replaced and taken away', async () => {
    const path = join(folder, 'file');
    await writeFile(path, 'one');
    const seen = await watching(path);
    expect(seen.count).toBe(0);
    await writeFile(path, 'three');
    await seen.until(1);
    await writeFile(`${path}.new`, 'seven');
    await rename(`${path}.new`, path);
    await seen.until(2);
    await rm(path);
    await seen.until(3);
  });

  it('follows a link that is moved, as for the secrets of a container', async () => {
    await writeFile(join(folder, 'a'), 'a');
    await writeFile(join(folder, 'b'), 'b');
    const path = join(folder, 'link');
    await symlink('a', path);
    const seen = await watching(path);
    await symlink('b', `${path}.new`);
    await rename(`${path}.new`, path);
    await seen.until(1);
  });

  it('waits for a file in a folder that is not there yet', async () => {
    const path = join(folder, 'no-such-folder', 'file');
    const seen = await watching(path);
    expect(seen.count).toBe(0);
  });

  it('is silent once it was stopped, and leaves no timer behind', async () => {
    const path = join(folder, 'file');
    const clock = fakeClock();
    let count = 0;
    stop = watchFile(path, clock, () => count++);
    stop();
    expect(clock.pendingTimers).toBe(0);
    await writeFile(path, 'one');
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(count).toBe(0);
  });
});
