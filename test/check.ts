// Everything that `npm test` runs. Goes on after a failure, so that one run shows all of them.
// For one step: node test/check.ts --only docs (several: --only build --only packaging).
import { rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { apiReference } from './check/api.ts';
import { docstrings } from './check/docstrings.ts';
import { exampleList } from './check/example-list.ts';
import { heads } from './check/heads.ts';
import { layers } from './check/layers.ts';
import { links } from './check/links.ts';
import { succeeds, type Check } from './check/run.ts';
import { snippets } from './check/snippets.ts';
import { translations } from './check/translation.ts';
import { unit } from './check/unit.ts';
import { find, publishedPackages, ROOT } from './check/workspace.ts';
import { packaging } from './packaging/packaging.ts';

const DOCS = [snippets, links, translations, heads, exampleList, docstrings, apiReference];

const STEPS: Readonly<Record<string, () => Promise<Check[]>>> = {
  format: () => tool('oxfmt', '--check'),
  lint: () => tool('oxlint', '--type-aware', '--deny-warnings'),
  types: () => tool('tsc', '--noEmit', '-p', 'tsconfig.json'),
  unit,
  build,
  packaging,
  layers,
  docs: async () => (await Promise.all(DOCS.map((check) => check()))).flat(),
  examples,
  soak,
  unused: () => tool('knip'),
};

async function tool(command: string, ...args: string[]): Promise<Check[]> {
  return [await succeeds([command, ...args].join(' '), { command, args })];
}

/** From nothing: the output of a source that was renamed or removed would else be published along. */
async function build(): Promise<Check[]> {
  const packages = await publishedPackages();
  await Promise.all(
    packages.map((one) => rm(`${ROOT}${one.directory}/dist`, { recursive: true, force: true })),
  );
  return tool('tsc', '-b', 'tsconfig.build.json');
}

/** Each example is a program that ends by itself when it is given `--exit`. */
async function examples(): Promise<Check[]> {
  const checks: Check[] = [];
  // One after the other: they listen on ports, and are short.
  for (const file of find('examples/[0-9][0-9]-*.ts')) {
    checks.push(await succeeds(file, { command: 'node', args: [file, '--exit'], timeoutMs: 30_000 }));
  }
  return checks;
}

/** Minutes for which it soaks here; the script's own default is longer. */
const SOAK_MINUTES = process.env['SLUICE_SOAK_MINUTES'] ?? '2';

/** A load for minutes, with nothing beside it. */
async function soak(): Promise<Check[]> {
  const args = ['test/soak/soak.ts', '--minutes', SOAK_MINUTES];
  const timeoutMs = (Number(SOAK_MINUTES) + 1) * 60_000;
  return [await succeeds(`soak, ${SOAK_MINUTES} minutes`, { command: 'node', args, timeoutMs })];
}

/** Runs a step to its result; a step that throws has failed. */
async function runStep(name: string, step: () => Promise<Check[]>): Promise<Check[]> {
  const started = performance.now();
  console.log(`\n== ${name}`);
  const checks = await step().catch((error: unknown): Check[] => [
    { name, problems: [error instanceof Error ? (error.stack ?? error.message) : String(error)] },
  ]);
  for (const check of checks.filter(({ problems }) => problems.length > 0)) {
    console.log(`✗ ${check.name}`);
    for (const problem of check.problems) console.log(problem.replace(/^/gm, '    '));
  }
  console.log(`== ${name}: ${tally(checks)} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  return checks;
}

/** `N passed, N failed`, and what was skipped if anything was. */
function tally(checks: readonly Check[]): string {
  const skipped = checks.filter((check) => check.skipped).length;
  const failed = checks.filter(({ problems }) => problems.length > 0).length;
  const counts = `${checks.length - failed - skipped} passed, ${failed} failed`;
  return skipped > 0 ? `${counts}, ${skipped} skipped` : counts;
}

const { only = Object.keys(STEPS) } = parseArgs({
  options: { only: { type: 'string', multiple: true } },
}).values;
const unknown = only.filter((name) => !(name in STEPS));
if (unknown.length > 0) {
  console.error(`no step ${unknown.join(', ')}; there are ${Object.keys(STEPS).join(', ')}`);
  process.exit(2);
}

const results: Check[] = [];
for (const [name, step] of Object.entries(STEPS)) {
  if (only.includes(name)) results.push(...(await runStep(name, step)));
}
const skippedSuites = new Set(results.filter((check) => check.skipped).map(({ name }) => name));
if (skippedSuites.size > 0) console.log(`\nSkipped:\n  ${[...skippedSuites].join('\n  ')}`);
console.log(`\n${tally(results)}`);
process.exitCode = results.some(({ problems }) => problems.length > 0) ? 1 : 0;
