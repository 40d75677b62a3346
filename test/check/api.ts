import { join } from 'node:path/posix';
import { API_FOLDER, apiFile, apiIndex, type ApiPackage, apiPage } from './api-page.ts';
import type { Check } from './run.ts';
import { surface } from './surface.ts';
import { find, publishedPackages, read } from './workspace.ts';

/** All pages of the API reference as they should be, by their paths. */
export async function apiPages(): Promise<Map<string, string>> {
  const packages = await Promise.all((await publishedPackages()).map(describePackage));
  const sorted = packages.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const pages = sorted.map((one): [string, string] => [`${API_FOLDER}/${apiFile(one.name)}`, apiPage(one)]);
  return new Map([[`${API_FOLDER}/README.md`, apiIndex(sorted)], ...pages]);
}

async function describePackage({
  directory,
  manifest,
}: Awaited<ReturnType<typeof publishedPackages>>[number]): Promise<ApiPackage> {
  const entryPoints = await Promise.all(
    Object.entries(manifest.exports).map(async ([path, file]) => {
      const names = await surface(join(directory, file), read);
      return {
        specifier: join(manifest.name, path),
        // What cannot be found, the check of docstrings tells.
        names: [...names].flatMap(([name, declared]) => (declared ? [[name, declared] as const] : [])),
      };
    }),
  );
  return { name: manifest.name, description: manifest.description, directory, entryPoints };
}

/** What differs between the pages that there are and those that there should be. */
export function apiProblems(
  wanted: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
): string[] {
  const how = 'run: npx pnpm@12.21.0 run api';
  return [
    ...[...wanted].flatMap(([path, text]) =>
      found.get(path) === text ? [] : `${path} is not up to date; ${how}`,
    ),
    ...[...found.keys()]
      .filter((path) => !wanted.has(path))
      .map((path) => `${path} is of no package; ${how}`),
  ];
}

/** The API reference: one check, as one command mends all of it. */
export async function apiReference(): Promise<Check[]> {
  const paths = find(`${API_FOLDER}/**/*.md`);
  const found = new Map(await Promise.all(paths.map(async (path) => [path, await read(path)] as const)));
  return [{ name: 'the API reference', problems: apiProblems(await apiPages(), found) }];
}
