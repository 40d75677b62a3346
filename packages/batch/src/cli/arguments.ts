import { parseArgs } from 'node:util';
import { CREDENTIAL_HEADERS } from '@sluice/core';

/** How the program is used. */
export const USAGE = `Usage: sluice-batch (--upstream URL | --config FILE) [options] [REQUESTS]

Takes requests through a pipeline and writes a line of JSON for each result. REQUESTS is a file of JSON lines, default:
standard input. Its lines are {"custom_id", "params"}, as for Anthropic's Message Batches, or {"custom_id", "method",
"url", "body"}, as for OpenAI's Batch API. A file is checked as a whole before the first call; a pipe is read as it comes.

  --upstream URL       a pipeline without plugins to this provider, for example https://api.anthropic.com
  --config FILE        a module, .ts or .js, whose default export is a pipeline or a function that makes one
  --output FILE        where the results go; it must not exist (default: standard output)
  --resume             go on with the --output of an earlier run: what succeeded is skipped, what failed is tried again
  --concurrency N      calls in progress at most (default: 8)
  --ordered            results in the order of the requests
  --stop-on-error      begin no call after the first that failed
  --header NAME=VALUE  sent with each call, for example anthropic-beta=…; may be repeated
  --help

Keys are taken from the environment alone: ANTHROPIC_API_KEY for api.anthropic.com, OPENAI_API_KEY for api.openai.com, and
elsewhere the first for calls of the Messages API and the second for others.

Exit codes: 0 all items succeeded, 1 some failed, 2 wrong usage or input or a file that fails, 130 interrupted (143 by
SIGTERM); what had ended by then is written, and a second run with --resume does the rest.`;

/** What went wrong is what was asked for. */
export class UsageError extends Error {}

/** What the program is asked to do. */
export interface Command {
  readonly upstream: string | undefined;
  readonly config: string | undefined;
  /** The file of requests; undefined: standard input. */
  readonly input: string | undefined;
  /** The file of results; undefined: standard output. */
  readonly output: string | undefined;
  readonly resume: boolean;
  readonly concurrency: number | undefined;
  readonly ordered: boolean;
  readonly stopOnError: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly help: boolean;
}

const one = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

/**
 * Reads the arguments.
 *
 * @throws UsageError
 */
export function readArguments(args: readonly string[]): Command {
  const { values, positionals } = parsed(args);
  const { upstream, config, output, concurrency, resume = false, help = false } = values;
  if (!help) {
    if ((upstream === undefined) === (config === undefined))
      throw new UsageError('Say either --upstream or --config.');
    if (positionals.length > 1) throw new UsageError('Name one file of requests.');
    if (resume && output === undefined)
      throw new UsageError('--resume goes on with a file: name it by --output.');
    if (concurrency !== undefined && !/^[1-9]\d{0,3}$/.test(concurrency))
      throw new UsageError(`--concurrency takes a number from 1 to 4096, and not ${concurrency}.`);
  }
  return {
    upstream,
    config,
    input: positionals[0],
    output,
    resume,
    concurrency: concurrency === undefined ? undefined : Number(concurrency),
    ordered: values.ordered ?? false,
    stopOnError: values['stop-on-error'] ?? false,
    headers: Object.fromEntries((values.header ?? []).map(header)),
    help,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        upstream: one,
        config: one,
        output: one,
        resume: flag,
        concurrency: one,
        ordered: flag,
        'stop-on-error': flag,
        header: { type: 'string', multiple: true },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function header(text: string): [string, string] {
  const [, name = '', value = ''] = /^([\w-]+)=(.+)$/.exec(text) ?? [];
  // Not shown: who writes a key here has shown it to enough already.
  if (name === '') throw new UsageError('Write --header as NAME=VALUE.');
  if (CREDENTIAL_HEADERS.includes(name.toLowerCase()))
    throw new UsageError(
      `--header takes no ${name}: keys come from the environment, other users see arguments.`,
    );
  return [name.toLowerCase(), value];
}
