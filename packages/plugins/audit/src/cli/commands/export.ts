import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { readLog } from '../../retention/segments.ts';
import { type Command, logOf, one, type Terminal, UsageError } from '../cli.ts';
import { CSV_HEAD, csvRow } from '../csv.ts';
import { type Filter, FILTER_OPTIONS, FILTER_USAGE, filterOf } from '../filter.ts';
import { ProgressLine } from '../progress.ts';

/** Written at once. */
const CHUNK_CHARS = 1 << 16;

/** Writes records for other programs. */
export const exportRecords: Command = {
  summary: 'write records as CSV or JSON lines',
  usage: `sluice-audit export [--dir DIR] [--log NAME] [--format csv|jsonl] [--out FILE] [options]

  --format F      csv (one row per outcome) or jsonl (all records as they are in the chain); default jsonl
  --out FILE      default: standard output
${FILTER_USAGE}`,
  takes: ['dir', 'log', 'format', 'out', ...FILTER_OPTIONS],
  flags: [],
  async run(args, terminal) {
    const { directory, log } = logOf(args);
    const format = one(args, 'format') ?? 'jsonl';
    if (format !== 'csv' && format !== 'jsonl') throw new UsageError('--format takes csv or jsonl');
    const filter = filterOf(args);
    const path = one(args, 'out');
    const file = path === undefined ? undefined : openSync(path, 'wx', 0o600);
    // Not asynchronous: then nothing piles up that the disk does not take.
    const write = (text: string): void => {
      if (file === undefined) terminal.out(text);
      else writeFileSync(file, text);
    };
    try {
      await exportTo(write, { directory, log, format, filter }, terminal);
    } catch (error) {
      // Half of the records must not pass for all of them.
      if (path !== undefined) rmSync(path);
      throw error;
    } finally {
      if (file !== undefined) closeSync(file);
    }
    return 0;
  },
};

/** What is exported, and as what. */
interface Export {
  readonly directory: string;
  readonly log: string;
  readonly format: 'csv' | 'jsonl';
  readonly filter: Filter;
}

async function exportTo(
  write: (text: string) => void,
  { directory, log, format, filter: { matches, hints } }: Export,
  terminal: Terminal,
): Promise<void> {
  const progress = await ProgressLine.ofLog(terminal, directory, log);
  let text = format === 'csv' ? CSV_HEAD : '';
  await readLog({ directory, log, hints, onProgress: progress.show }, ({ record, line }) => {
    if (!matches(record) || (format === 'csv' && record.type !== 'outcome')) return undefined;
    text += format === 'csv' ? csvRow(record) : `${line}\n`;
    if (text.length > CHUNK_CHARS) {
      write(text);
      text = '';
    }
    return undefined;
  });
  write(text);
  progress.end();
}
