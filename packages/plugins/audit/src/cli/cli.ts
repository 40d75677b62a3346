/** Where a command writes, and what it is given beside its arguments. */
export interface Terminal {
  /** Standard output. */
  readonly out: (text: string) => void;
  /** Standard error: progress and complaints. */
  readonly err: (text: string) => void;
  /** Whether somebody is looking at standard error: progress is shown only then. */
  readonly watched: boolean;
  /** Columns of the terminal. */
  readonly columns: number;
  /** Aborts what would go on for ever. */
  readonly signal: AbortSignal;
}

/** What a command is told to do. */
export interface Arguments {
  /** Values of options, by name without dashes; several for an option that was given more than once. */
  readonly values: Readonly<Record<string, readonly string[]>>;
}

/** A command. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** How it is called, and each option with its meaning. */
  readonly usage: string;
  /** Names of options that take a value. */
  readonly takes: readonly string[];
  /** Names of options that are there or not. */
  readonly flags: readonly string[];
  /** Returns the exit code. */
  run(args: Arguments, terminal: Terminal): Promise<number>;
}

/** What a user did wrong. */
export class UsageError extends Error {
  static {
    this.prototype.name = 'UsageError';
  }
}

/** The value of an option that may be given once. */
export function one(args: Arguments, name: string): string | undefined {
  const values = args.values[name];
  if (values !== undefined && values.length > 1) throw new UsageError(`--${name} is given more than once`);
  return values?.[0];
}

/** The log that a command is about: `--dir` and `--log`. */
export function logOf(args: Arguments): { readonly directory: string; readonly log: string } {
  return { directory: one(args, 'dir') ?? './audit', log: one(args, 'log') ?? 'audit' };
}

/** A whole number. */
export function wholeNumber(args: Arguments, name: string): number | undefined {
  const text = one(args, name);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`--${name} takes a whole number, not "${text}"`);
  return Number(text);
}
