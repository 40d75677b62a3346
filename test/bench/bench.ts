import { readdirSync } from 'node:fs';
import { cleanUp } from './child.ts';
import { conditions } from './conditions.ts';
import { HELP, parseOptions, UsageError } from './options.ts';
import { toReport } from './report.ts';
import { Run } from './run.ts';
import { save } from './save.ts';
import { say } from './say.ts';
import { tablesOf, toText } from './tables.ts';

/** Every file in `subjects/` is a subject; the bare proxy comes first, and the empty pipeline next to it. */
function knownSubjects(): readonly string[] {
  const names = readdirSync(new URL('subjects', import.meta.url))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .toSorted();
  const first = ['bare', 'empty', 'observe'].filter((name) => names.includes(name));
  return [...first, ...names.filter((name) => !first.includes(name))];
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const options = parseOptions(args, knownSubjects());
  if (!options) {
    process.stdout.write(HELP);
    return;
  }
  const giveUp = setTimeout(() => {
    say('The benchmark takes too long and is given up.');
    process.exit(1);
  }, options.giveUpMs);
  giveUp.unref();
  const before = conditions(args);
  const report = toReport(await Run.measure(options), before);
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : toText(tablesOf(report)));
  if (options.save) await save(report);
}

process.on('exit', cleanUp);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

try {
  await main();
} catch (error) {
  if (error instanceof UsageError) say(`${error.message}\n\n${HELP}`);
  else say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
