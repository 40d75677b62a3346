import { parseArgs } from 'node:util';
import { type Command, type Terminal, UsageError } from './cli.ts';
import { erase } from './commands/erase.ts';
import { exportRecords } from './commands/export.ts';
import { keygen } from './commands/keygen.ts';
import { match } from './commands/match.ts';
import { prove } from './commands/prove.ts';
import { query } from './commands/query.ts';
import { stats } from './commands/stats.ts';
import { tail } from './commands/tail.ts';
import { verify } from './commands/verify.ts';

const COMMANDS: Readonly<Record<string, Command>> = {
  verify,
  tail,
  query,
  stats,
  export: exportRecords,
  prove,
  match,
  erase,
  keygen,
};

const COULD_NOT = 2;

/** Runs a command; returns the exit code. */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [name = '', ...rest] = argv;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    const asked = name === '' || name === '--help' || name === '-h' || name === 'help';
    (asked ? terminal.out : terminal.err)(`${asked ? '' : `there is no command "${name}"\n\n`}${overview()}`);
    return asked ? 0 : COULD_NOT;
  }
  try {
    const options = Object.fromEntries([
      ...command.takes.map((option) => [option, { type: 'string', multiple: true }] as const),
      ...command.flags.map((option) => [option, { type: 'boolean' }] as const),
      ['help', { type: 'boolean', short: 'h' }] as const,
    ]);
    const values: Record<string, unknown> = parseArgs({ args: rest, options, strict: true }).values;
    if (values['help'] === true) {
      terminal.out(`${command.usage}\n`);
      return 0;
    }
    const given = Object.entries(values).map(
      ([option, value]) => [option, Array.isArray(value) ? value.map(String) : [String(value)]] as const,
    );
    return await command.run({ values: Object.fromEntries(given) }, terminal);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const isUsage =
      error instanceof UsageError || ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'));
    terminal.err(`sluice-audit ${name}: ${error.message}\n${isUsage ? `\n${command.usage}\n` : ''}`);
    return COULD_NOT;
  }
}

function overview(): string {
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(8)} ${summary}`);
  return `sluice-audit COMMAND [options]\n\n${lines.join('\n')}\n\nsluice-audit COMMAND --help says more.\n`;
}
