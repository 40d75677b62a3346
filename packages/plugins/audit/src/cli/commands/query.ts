import { readLog, type ReadRecord } from '../../retention/segments.ts';
import { type Command, logOf, wholeNumber } from '../cli.ts';
import { FILTER_OPTIONS, FILTER_USAGE, filterOf } from '../filter.ts';
import { ProgressLine } from '../progress.ts';
import { shown } from '../show.ts';

/** Finds records. */
export const query: Command = {
  summary: 'find records by caller, time, outcome or rule',
  usage: `sluice-audit query [--dir DIR] [--log NAME] [options]

${FILTER_USAGE}
  --unfinished    intents without an outcome: calls that a crash cut off, or that are in progress
  --limit N       at most so many
  --json          print records as JSON, one a line

The log is read as it is; whether it can be believed is for "sluice-audit verify" to say.`,
  takes: ['dir', 'log', 'limit', ...FILTER_OPTIONS],
  flags: ['unfinished', 'json'],
  async run(args, terminal) {
    const { directory, log } = logOf(args);
    const limit = wholeNumber(args, 'limit') ?? Infinity;
    const { matches, hints } = filterOf(args);
    const progress = await ProgressLine.ofLog(terminal, directory, log);
    let found = 0;
    const show = (record: ReadRecord, line: string): boolean => {
      terminal.out(`${args.values['json'] === undefined ? shown(record) : line}\n`);
      return ++found < limit;
    };
    const unfinished =
      args.values['unfinished'] === undefined ? undefined : new Map<string, [ReadRecord, string]>();
    // An outcome has to be seen, whatever was asked of its intent.
    const options = {
      directory,
      log,
      onProgress: progress.show,
      hints: unfinished === undefined ? hints : [],
    };
    if (limit > 0)
      await readLog(options, ({ record, line }) => {
        if (unfinished === undefined) return matches(record) ? show(record, line) : undefined;
        const call = String(record['call']);
        if (record.type === 'outcome') unfinished.delete(call);
        else if (record.type === 'intent' && matches(record)) unfinished.set(call, [record, line]);
        return undefined;
      });
    progress.end();
    for (const [record, line] of unfinished?.values() ?? []) if (!show(record, line)) break;
    return 0;
  },
};
