import { watch } from 'node:fs/promises';
import { readLog, type ReadRecord } from '../../retention/segments.ts';
import { type Command, logOf, wholeNumber } from '../cli.ts';
import { FILTER_OPTIONS, FILTER_USAGE, filterOf } from '../filter.ts';
import { shown } from '../show.ts';
import { TailReader } from '../tail-reader.ts';

/** Shows the end of a log. */
export const tail: Command = {
  summary: 'show the last records, and follow the log',
  usage: `sluice-audit tail [--dir DIR] [--log NAME] [options]

  --lines N       so many records (default 20)
  --follow        go on with what is written from now on
  --json          print records as JSON, one a line
${FILTER_USAGE}`,
  takes: ['dir', 'log', 'lines', ...FILTER_OPTIONS],
  flags: ['follow', 'json'],
  async run(args, terminal) {
    const { directory, log } = logOf(args);
    const count = wholeNumber(args, 'lines') ?? 20;
    const { matches, hints } = filterOf(args);
    const show = (record: ReadRecord, line: string): void => {
      terminal.out(`${args.values['json'] === undefined ? shown(record) : line}\n`);
    };
    const changes =
      args.values['follow'] === undefined
        ? undefined
        : watch(directory, { signal: terminal.signal })[Symbol.asyncIterator]();
    // Before the log is read, lest something be written in between: nothing is watched until the first is asked for.
    let change = changes && nextOf(changes);
    const last: [ReadRecord, string][] = [];
    let next = 0;
    let lastFile = '';
    await readLog({ directory, log, hints: changes === undefined ? hints : [] }, ({ record, line, file }) => {
      next = record.seq + 1;
      lastFile = file;
      if (!matches(record)) return undefined;
      last.push([record, line]);
      if (last.length > count) last.shift();
      return undefined;
    });
    for (const [record, line] of last) show(record, line);
    if (changes === undefined || change === undefined) return 0;
    const reader = new TailReader(directory, log, { next, file: lastFile });
    try {
      for (let ended = false; !ended;) {
        await reader.read((record, line) => {
          if (matches(record)) show(record, line);
        });
        ended = (await change).done ?? false;
        change = nextOf(changes);
      }
    } catch (error) {
      if (!terminal.signal.aborted) throw error;
    }
    return 0;
  },
};

/** The next change, for which nobody has to wait when it never comes. */
function nextOf(changes: AsyncIterator<unknown>): Promise<IteratorResult<unknown>> {
  const next = changes.next();
  next.catch(() => undefined);
  return next;
}
