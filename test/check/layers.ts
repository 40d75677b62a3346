import { isBuiltin } from 'node:module';
import { join } from 'node:path/posix';
import type { Check } from './run.ts';
import { at, importedFrom, parse, walk, type Node } from './syntax.ts';
import { find, publishedPackages, read, readJson, type Manifest, type Package } from './workspace.ts';

const MAX_LINES = 300;

/** Packages that users bring themselves, or that belong to one plugin: nobody else may need or import them. */
export const OWNERS: Readonly<Record<string, string>> = {
  express: 'the user',
  ioredis: 'the user',
  koa: 'the user',
  opossum: '@sluice/circuit-breaker',
};

/** What is wrong with the dependencies that a manifest declares. */
export function dependencyProblems(manifest: Manifest): string[] {
  const { name, dependencies, devDependencies, peerDependencies } = manifest;
  const required = Object.keys({ ...dependencies, ...peerDependencies }).filter(
    (other) => manifest.peerDependenciesMeta?.[other]?.optional !== true,
  );
  const strangers = Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies }).filter(
    (other) => isForeign(other, name),
  );
  return [
    ...strangers.map((other) => `${name} depends on ${other}: ${LAYER_RULE}`),
    ...required
      .filter((other) => (OWNERS[other] ?? name) !== name)
      .map((other) => `${name} depends on ${other}, which belongs to ${OWNERS[other]}`),
  ];
}

/** What is wrong with one source file: where its imports go, time read past the clock, its length. */
export function sourceProblems(file: string, text: string, item: Package): string[] {
  const isTest = file.endsWith('.test.ts');
  const problems: string[] = [];
  const lines = text.split('\n').length - 1;
  if (!isTest && lines > MAX_LINES)
    problems.push(`${file} has ${lines} lines, the limit is ${MAX_LINES}: split it`);
  walk(parse(text), (node) => {
    const specifier = importedFrom(node);
    if (specifier === undefined && (isTest || !readsWallClock(node))) return;
    const problem =
      specifier === undefined ? 'reads the wall clock: use CLOCK' : importProblem(specifier, file, item);
    if (problem) problems.push(`${at(file, text, node.start)} ${problem}`);
  });
  return problems;
}

const LAYER_RULE =
  'plugins and adapters may use @sluice/core alone, core none of them, and @sluice/standard all but adapters';

/** It puts the plugins together, and is the one package that may use them; adapters it may not. */
const ASSEMBLY = '@sluice/standard';

/** Whether `other` is a package of this workspace that `name` must not know. */
function isForeign(other: string, name: string): boolean {
  if (!other.startsWith('@sluice/') || other === name) return false;
  if (name === ASSEMBLY) return other === '@sluice/adapters';
  return name === '@sluice/core' || other !== '@sluice/core';
}

function importProblem(
  specifier: string,
  file: string,
  { directory, manifest }: Package,
): string | undefined {
  const { name, dependencies, peerDependencies } = manifest;
  const other = packageOf(specifier);
  if (isForeign(other, name)) return `imports ${other}: ${LAYER_RULE}`;
  // Tests are not published: they may use what they like otherwise.
  if (file.endsWith('.test.ts') || isBuiltin(specifier)) return undefined;
  if (specifier.startsWith('.')) {
    const inside = join(file, '..', specifier).startsWith(`${directory}/src/`);
    return inside ? undefined : `imports ${specifier}, which is outside the src of ${name}`;
  }
  const owner = OWNERS[other] ?? name;
  if (owner !== name) return `imports ${other}, which belongs to ${owner}: type it by what is used of it`;
  const declared = { ...dependencies, ...peerDependencies };
  return other in declared ? undefined : `imports ${other}, which is no dependency of ${name}`;
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** `new Date()` and `Date()`; with an argument a date is only a way to write a known time. oxlint cannot tell. */
function readsWallClock({ type, callee, arguments: args }: Node): boolean {
  const isDate = typeof callee === 'object' && callee !== null && 'name' in callee && callee.name === 'Date';
  return isDate && (type === 'CallExpression' || (Array.isArray(args) && args.length === 0));
}

/** What is wrong with how a package presents itself: the build has to know it, and both `exports` have to agree. */
function manifestProblems({ directory, manifest }: Package, built: readonly string[]): string[] {
  const source = Object.keys(manifest.exports).toSorted().join(' ');
  const published = Object.keys(manifest.publishConfig.exports).toSorted().join(' ');
  return [
    ...(built.includes(directory) ? [] : [`tsconfig.build.json does not list ${directory}`]),
    ...(source === published ? [] : [`exports has ${source}, publishConfig.exports has ${published}`]),
  ];
}

/** The boundaries between packages, one check for each package. */
export async function layers(): Promise<Check[]> {
  const { references } = await readJson<{ references: { path: string }[] }>('tsconfig.build.json');
  const built = references.map(({ path }) => path);
  return Promise.all(
    (await publishedPackages()).map(async (item) => {
      const files = find(`${item.directory}/src/**/*.ts`);
      const sources = await Promise.all(
        files.map(async (file) => sourceProblems(file, await read(file), item)),
      );
      const problems = [
        ...dependencyProblems(item.manifest),
        ...manifestProblems(item, built),
        ...sources.flat(),
      ];
      return { name: `${item.manifest.name}, ${files.length} files`, problems };
    }),
  );
}
