import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { OWNERS } from '../check/layers.ts';
import { PNPM, run, succeeds, type Check } from '../check/run.ts';
import { find, publishedPackages, ROOT, type Package } from '../check/workspace.ts';
import { consumer, consumerTsconfig } from './consumer.ts';

/** A package as it would be uploaded. */
interface Tarball extends Package {
  readonly path: string;
  readonly files: readonly string[];
}

/** Packs every package from its `dist`, and uses each tarball as somebody would who has only that. */
export async function packaging(): Promise<Check[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-packaging-'));
  try {
    const tarballs = await Promise.all((await publishedPackages()).map((item) => pack(item, folder)));
    const checks: Check[] = [];
    for (const tarball of tarballs) {
      const name = (what: string): string => `${tarball.manifest.name} ${what}`;
      checks.push({ name: name('holds what it should'), problems: contentProblems(tarball.files) });
      const found = await Promise.all([
        succeeds(name('publint'), { command: 'publint', args: ['--strict', tarball.path] }),
        succeeds(name('attw'), { command: 'attw', args: ['--profile', 'esm-only', tarball.path] }),
        useAlone(tarball, tarballs, folder),
      ]);
      checks.push(...found.flat());
    }
    return checks;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function pack(item: Package, folder: string): Promise<Tarball> {
  const [command, ...first] = PNPM;
  const args = [...first, 'pack', '--json', '--pack-destination', folder];
  const { ok, stdout, output } = await run({ command, args, cwd: ROOT + item.directory });
  if (!ok) throw new Error(`packing ${item.manifest.name}: ${output}`);
  const { filename, files } = JSON.parse(stdout) as { filename: string; files: { path: string }[] };
  return { ...item, path: filename, files: files.map(({ path }) => path) };
}

function contentProblems(files: readonly string[]): string[] {
  const wanted = ['package.json', 'README.md', 'LICENSE'];
  const isCode = (file: string): boolean =>
    /^dist\/.+\.(js|d\.ts)(\.map)?$/.test(file) && !/\.test\./.test(file);
  const isDashboard = (file: string): boolean => /^grafana\/[\w-]+\.json$/.test(file);
  // What a browser runs is served as it is written.
  const isPage = (file: string): boolean => /^page\/[\w-]+\.(html|css|js)$/.test(file);
  return [
    ...wanted.filter((file) => !files.includes(file)).map((file) => `lacks ${file}`),
    ...(files.some(isCode) ? [] : ['lacks dist: build first']),
    ...files
      .filter((file) => !wanted.includes(file) && !isCode(file) && !isDashboard(file) && !isPage(file))
      .map((file) => `holds ${file}`),
  ];
}

/**
 * Installs a tarball, with core where it is a peer and with the packages of this workspace that it depends on, into an
 * empty folder, and checks what came and that it works.
 */
async function useAlone(tarball: Tarball, all: readonly Tarball[], folder: string): Promise<Check[]> {
  const { name, dependencies: needed = {}, peerDependencies = {} } = tarball.manifest;
  const cwd = join(folder, name.replace('/', '-'));
  const filesOf = (wanted: (other: string) => boolean): Record<string, string> =>
    Object.fromEntries(
      all
        .filter(({ manifest }) => wanted(manifest.name))
        .map(({ manifest, path }) => [manifest.name, `file:${path}`]),
    );
  const dependencies = filesOf((other) => other === name || other in peerDependencies);
  await mkdir(cwd);
  // What is not on a registry yet comes from here. JSON is YAML.
  const overrides = filesOf((other) => other in needed);
  await writeFile(join(cwd, 'pnpm-workspace.yaml'), JSON.stringify({ overrides }));
  await writeFile(join(cwd, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }));
  await writeFile(join(cwd, 'tsconfig.json'), consumerTsconfig(`${ROOT}node_modules/@types`));
  await writeFile(join(cwd, 'consumer.ts'), consumer(tarball));
  // A program of its own where a package has one: it shows the package at work, not only that all of it is there.
  const uses = find(`test/packaging/uses/${basename(name)}.ts`);
  for (const use of uses) await copyFile(ROOT + use, join(cwd, basename(use)));

  const [command, ...first] = PNPM;
  const args = [...first, 'install', '--no-frozen-lockfile', '--prefer-offline'];
  const install = await succeeds(`${name} installs alone`, { command, args, cwd });
  if (install.problems.length > 0) return [install];
  return [
    install,
    {
      name: `${name} brings nothing unwanted`,
      problems: await unwantedIn(cwd, [name, ...Object.keys(needed)]),
    },
    await succeeds(`${name} loads in plain node`, { command: 'node', args: ['consumer.ts'], cwd }),
    ...(await Promise.all(
      uses.map((use) => succeeds(`${name} works: ${use}`, { command: 'node', args: [basename(use)], cwd })),
    )),
    await succeeds(`${name} has types for a strict consumer`, { command: 'tsc', args: ['-p', '.'], cwd }),
  ];
}

async function unwantedIn(cwd: string, wanted: readonly string[]): Promise<string[]> {
  // One folder for each package, as `undici@8.12.4` or `@scope+name@1.0.0`.
  const folders = await readdir(join(cwd, 'node_modules', '.pnpm'));
  return folders.filter((entry) => {
    const owner = OWNERS[entry.split('@')[0] ?? ''];
    return owner !== undefined && !wanted.includes(owner);
  });
}
