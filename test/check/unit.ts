import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { run, type Check } from './run.ts';
import { ROOT } from './workspace.ts';

/**
 * Suites that may be skipped on CI, by the name under which they are listed, and why. On a developer's machine a
 * skipped suite is only listed; on CI, where nobody would miss it, it is a failure unless it stands here.
 */
const MAY_BE_SKIPPED: Readonly<Record<string, string>> = {
  'packages/core/src/format/fixtures.test.ts > recorded traffic':
    'recordings lie beside the checkout, if anywhere',
  'packages/core/src/stream/sse-decoder.test.ts > SseDecoder': 'one case of it reads the same recordings',
  'test/faults/audit-full-disk.test.ts': 'only root may mount the small disk that it fills',
  'test/integration/fixtures.test.ts > recorded traffic': 'recordings lie beside the checkout, if anywhere',
};

/** As much of vitest's JSON report as is read here. */
export interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly Test[];
  }[];
}

interface Test {
  readonly ancestorTitles: readonly string[];
  readonly title: string;
  readonly status: string;
}

/** Runs all vitest tests. Each is a check; vitest itself shows what failed in them. */
export async function unit(): Promise<Check[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-check-'));
  try {
    const file = join(folder, 'report.json');
    const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const { ok, how } = await run({ command: 'vitest', args, show: true, timeoutMs: 600_000 });
    const checks = await readFile(file, 'utf8').then(
      (text) => testChecks(JSON.parse(text) as Report, process.env['CI'] !== undefined),
      () => [{ name: 'vitest', problems: ['wrote no report'] }],
    );
    // Neither a failed nor a broken test: an unhandled error, or no test at all.
    const unexplained = !ok && checks.every(({ problems }) => problems.length === 0);
    return unexplained ? [...checks, { name: 'vitest', problems: [how] }] : checks;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One check for each test, for each file that did not load, and on CI for each suite that was skipped. */
export function testChecks({ testResults }: Report, onCi: boolean): Check[] {
  const skippedSuites = new Set<string>();
  const checks = testResults.flatMap(({ name, status, message, assertionResults }): Check[] => {
    const file = relative(ROOT, name);
    const broken = status === 'failed' && assertionResults.every((test) => test.status !== 'failed');
    const tests = assertionResults.map((test): Check => {
      const suite = [file, ...test.ancestorTitles.slice(0, 1)].join(' > ');
      const title = [file, ...test.ancestorTitles, test.title].join(' > ');
      if (test.status === 'passed') return { name: title, problems: [] };
      if (test.status === 'failed') return { name: title, problems: ['see above'] };
      skippedSuites.add(suite);
      return { name: suite, problems: [], skipped: true };
    });
    return broken ? [...tests, { name: file, problems: [message] }] : tests;
  });
  const missed = [...skippedSuites].filter((suite) => onCi && !(suite in MAY_BE_SKIPPED));
  return [
    ...checks,
    ...missed.map((name) => ({ name, problems: ['skipped on CI, and not in MAY_BE_SKIPPED'] })),
  ];
}
