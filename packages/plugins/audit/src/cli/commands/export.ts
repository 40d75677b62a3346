import { closeSync, openSync, writeSync } from 'node:fs';
import { readLog } from '../../retention/segments.ts';
import { type Command, logOf, one, UsageError } from '../cli.ts';
import { CSV_HEAD, csvRow } from '../csv.ts';
import { FILTER_OPTIONS, FILTER_USAGE, filterOf } from '../filter.ts';
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
    const { matches, hints } = filterOf(args);
    const path = one(args, 'out');
    const file = path === undefined ? undefined : openSync(path, 'wx', 0o600);
    // Not asynchronous: then nothing piles up that the disk does not take.
    const write = (text: string): void => {
      if (file === undefined) terminal.out(text);
      else writeSync(file, text);
    };
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
    if (file !== undefined) closeSync(file);
    return 0;
  },
};
