import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root, with a slash at its end. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** As much of a package.json as the checks read. */
export interface Manifest {
  readonly name: string;
  readonly description: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly publishConfig: { readonly exports: Readonly<Record<string, unknown>> };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** A package that is published. `directory` is relative to the root, like every path in these checks. */
export interface Package {
  readonly directory: string;
  readonly manifest: Manifest;
}

/** The text of a file, by its path from the root. */
export function read(path: string): Promise<string> {
  return readFile(ROOT + path, 'utf8');
}

/** A JSON file, by its path from the root. The caller knows its shape. */
export async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await read(path)) as T;
}

/** Paths from the root that match a glob, sorted, without what was installed or built. */
export function find(...globs: string[]): string[] {
  const exclude = ['**/node_modules/**', '**/dist/**'];
  return globSync(globs, { cwd: ROOT, exclude }).toSorted();
}

/** Every package that is published. */
export function publishedPackages(): Promise<Package[]> {
  return Promise.all(
    find('packages/*/package.json', 'packages/plugins/*/package.json').map(async (path) => ({
      directory: dirname(path),
      manifest: await readJson<Manifest>(path),
    })),
  );
}
