import { mkdir, rm, writeFile } from 'node:fs/promises';
import { chartsOf } from './charts.ts';
import type { Conditions } from './conditions.ts';
import type { Report } from './report.ts';
import { tablesOf, toMarkdown } from './tables.ts';

const FOLDER = new URL('results/', import.meta.url);

/** Writes a report into `results/`: JSON, tables in Markdown, charts. What was there before goes away. */
export async function save(report: Report): Promise<void> {
  const charts = chartsOf(report);
  const files = new Map([
    ['results.json', `${JSON.stringify(report, null, 2)}\n`],
    ['README.md', toPage(report, [...charts.keys()])],
    ...charts,
  ]);
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(FOLDER);
  for (const [name, content] of files) await writeFile(new URL(name, FOLDER), content);
}

/** The page of the results: charts, tables, conditions. */
export function toPage(report: Report, charts: readonly string[]): string {
  const images = charts.map((file) => `![${file.replace('.svg', '')}](${file})\n`).join('\n');
  return (
    `# Results\n\nWritten by \`${report.conditions.command}\`. What the words mean is in [the benchmark's README](../README.md).\n\n` +
    `${conditionsOf(report.conditions)}\n\n${images}\n${toMarkdown(tablesOf(report))}`
  );
}

function conditionsOf({ date, node, system, cpu, cores, memoryGiB, loadBefore }: Conditions): string {
  return `${date}, Node ${node}, ${system}, ${cores} × ${cpu}, ${memoryGiB} GiB. Load average before the run: ${loadBefore}.`;
}
