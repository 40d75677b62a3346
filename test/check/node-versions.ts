// The tests on every version of Node that is supported, one after the other; not a part of the check, for its length.
// node test/check/node-versions.ts [--node 22 --node 26.10.0] [what vitest is told: a part of a path, --maxWorkers=1 …]
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from './run.ts';
import { ROOT } from './workspace.ts';

const { values, positionals } = parseArgs({
  options: { node: { type: 'string', multiple: true } },
  strict: false,
  allowPositionals: true,
});
const { node: versions = ['22', '24', '26'], ...forVitest } = values as {
  node?: string[];
  [name: string]: unknown;
};
const args = [
  ...positionals,
  ...Object.entries(forVitest).map(([name, value]) =>
    value === true ? `--${name}` : `--${name}=${String(value)}`,
  ),
];

let failed = 0;
for (const version of versions) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-node-'));
  try {
    console.log(`\n== Node ${version}`);
    // Versions of the `node` package are those of Node, each with its binary.
    const install = [
      'install',
      '--prefix',
      folder,
      '--no-save',
      '--no-audit',
      '--no-fund',
      `node@${version}`,
    ];
    const installed = await run({ command: 'npm', args: install });
    if (!installed.ok) throw new Error(`node@${version} cannot be installed: ${installed.output}`);
    // First on the PATH for the programs that tests start by name.
    process.env['PATH'] = [join(folder, 'node_modules/.bin'), process.env['PATH']].join(delimiter);
    const program = join(folder, 'node_modules/.bin/node');
    const vitest = [`${ROOT}node_modules/vitest/vitest.mjs`, 'run', ...args];
    const { ok, how } = await run({ command: program, args: vitest, show: true, timeoutMs: 1_800_000 });
    console.log(`== Node ${version}: ${ok ? 'passed' : how}`);
    if (!ok) failed++;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
process.exitCode = failed > 0 ? 1 : 0;
