import { verifyLog, type VerifyOptions } from '../../verify/verify.ts';
import type { VerifyReport } from '../../verify/report.ts';
import { type Arguments, type Command, logOf, type Terminal } from '../cli.ts';
import { KEY_USAGE, notesOf, verifiersOf } from '../keys.ts';
import { ProgressLine } from '../progress.ts';

const INTACT = 0;
const BROKEN = 1;
const OPEN = 3;

/** Checks a log. */
export const verify: Command = {
  summary: 'check that nothing in a log was changed, added or taken away',
  usage: `sluice-audit verify [--dir DIR] [--log NAME] [options]

${KEY_USAGE}
  --checkpoint F  file with published checkpoints: the log has to agree with them and to be no shorter
  --allow-open    an end that is not sealed is no failure: the log is in use
  --json          print the report as JSON

Exit codes: 0 intact, 1 tampered with or damaged, 2 could not be checked, 3 intact as far as it goes, but the end is
not sealed: in use, crashed or cut off. Only a published checkpoint can tell.`,
  takes: ['dir', 'log', 'key', 'checkpoint'],
  flags: ['allow-open', 'json'],
  async run(args: Arguments, terminal: Terminal) {
    const { directory, log } = logOf(args);
    const progress = await ProgressLine.ofLog(terminal, directory, log);
    const options: VerifyOptions = {
      directory,
      log,
      verifiers: await verifiersOf(args),
      published: await notesOf(args.values['checkpoint'] ?? []),
      onProgress: progress.show,
    };
    const report = await verifyLog(options).finally(() => {
      progress.end();
    });
    terminal.out(args.values['json'] === undefined ? told(report) : `${JSON.stringify(report, null, 2)}\n`);
    if (report.state === 'broken') return BROKEN;
    return report.state === 'intact' || args.values['allow-open'] !== undefined ? INTACT : OPEN;
  },
};

function told(report: VerifyReport): string {
  const { state, problems, notices, records, segments, bytes, checkpoints, published, unsealed } = report;
  const lines = [
    ...notices.map((notice) => `note     ${notice}`),
    ...problems.map(({ file, offset, what }) => `BROKEN   ${file} at byte ${offset}: ${what}`),
    `${records} records in ${segments} files, ${(bytes / 1e6).toFixed(1)} MB; ` +
      `${checkpoints.found} checkpoints, ${checkpoints.signed} with a good signature; ` +
      `${published} published checkpoints agree`,
  ];
  if (state === 'open') lines.push(`open     the last ${unsealed} records are under no checkpoint`);
  lines.push(state);
  return `${lines.join('\n')}\n`;
}
