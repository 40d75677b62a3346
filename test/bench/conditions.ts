import { availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';

/** Where, when and how figures were taken. */
export interface Conditions {
  readonly command: string;
  /** When the run began, in UTC, to the minute. */
  readonly date: string;
  readonly node: string;
  readonly system: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  /** Of the minute before the run began: who else was at work. */
  readonly loadBefore: number;
}

/** The conditions as they are now. */
export function conditions(args: readonly string[]): Conditions {
  return {
    command: ['pnpm', 'bench', ...args].join(' '),
    date: `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    node: process.version,
    system: `${platform()} ${release()}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    loadBefore: Number((loadavg()[0] ?? 0).toFixed(2)),
  };
}
