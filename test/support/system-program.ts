import { constants } from 'node:fs';
import { access, open, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../check/run.ts';

const INSTALL_MS = 300_000;
/** One for all packages: the package manager does one thing at a time. */
const LOCK = join(tmpdir(), 'sluice-install.lock');

/** A program of the system that tests need. */
export interface SystemProgram {
  /** Any of these will do. */
  readonly names: readonly string[];
  /** Packages that hold one of them, and what it needs. */
  readonly packages: readonly string[];
}

/**
 * The path of a program: one on the PATH, else one that the system's package manager installs without asking (as root,
 * with apt-get). Undefined when there is neither.
 */
export async function systemProgram(program: SystemProgram): Promise<string | undefined> {
  return (await onPath(program.names)) ?? (await installed(program));
}

async function onPath(names: readonly string[]): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of names) {
      const file = join(folder, name);
      const found = await access(file, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (found) return file;
    }
  }
  return undefined;
}

/** Installs once, however many test processes ask at the same time; one that failed is not repeated for a while. */
async function installed(program: SystemProgram): Promise<string | undefined> {
  if (process.getuid?.() !== 0 || (await onPath(['apt-get'])) === undefined) return undefined;
  const { names } = program;
  const failed = join(tmpdir(), `sluice-install-${names[0]}.failed`);
  for (;;) {
    if ((await ageMs(failed)) < 600_000) return undefined;
    const lock = await open(LOCK, 'wx').catch(() => undefined);
    if (lock !== undefined) {
      await lock.close();
      try {
        const found = (await onPath(names)) ?? (await install(program));
        if (found === undefined) await writeFile(failed, '');
        return found;
      } finally {
        await rm(LOCK, { force: true });
      }
    }
    // Whoever held it may have been killed.
    if ((await ageMs(LOCK)) > 2 * INSTALL_MS) await rm(LOCK, { force: true });
    await sleep(200);
    const found = await onPath(names);
    if (found !== undefined && (await ageMs(LOCK)) === Infinity) return found;
  }
}

async function install({ names, packages }: SystemProgram): Promise<string | undefined> {
  const options = { command: 'apt-get', timeoutMs: INSTALL_MS };
  await run({ ...options, args: ['update'] });
  await run({ ...options, args: ['install', '-y', '--no-install-recommends', ...packages] });
  return onPath(names);
}

async function ageMs(file: string): Promise<number> {
  return stat(file).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => Infinity,
  );
}
