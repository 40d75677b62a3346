import { readLog } from '../../retention/segments.ts';
import { type Command, logOf } from '../cli.ts';
import { FILTER_OPTIONS, FILTER_USAGE, filterOf } from '../filter.ts';
import { ProgressLine } from '../progress.ts';
import { Stats } from '../stats.ts';

/** Counts. */
export const stats: Command = {
  summary: 'count calls by outcome, caller and hour',
  usage: `sluice-audit stats [--dir DIR] [--log NAME] [options]

${FILTER_USAGE}`,
  takes: ['dir', 'log', ...FILTER_OPTIONS],
  flags: [],
  async run(args, terminal) {
    const { directory, log } = logOf(args);
    const { matches, hints } = filterOf(args);
    const progress = await ProgressLine.ofLog(terminal, directory, log);
    const counted = new Stats();
    await readLog({ directory, log, hints, onProgress: progress.show }, ({ record }) => {
      if (matches(record)) counted.add(record);
      return undefined;
    });
    progress.end();
    terminal.out(counted.text(terminal.columns));
    return 0;
  },
};
