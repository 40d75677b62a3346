import { spawn } from 'node:child_process';
import { basename, delimiter } from 'node:path';
import { readJson, ROOT } from './workspace.ts';

/** One thing that was looked at. It counts as one passed or, when it has problems, as one failed check. */
export interface Check {
  readonly name: string;
  readonly problems: readonly string[];
  /** Was not looked at, and counts as neither. */
  readonly skipped?: boolean;
}

/** A program to run, and under which conditions. */
interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Shows the output as it comes instead of keeping it. For the programs whose output is the report. */
  readonly show?: boolean;
  /** @default 300_000 */
  readonly timeoutMs?: number;
}

/** How a program ended. `output` is what it wrote to stdout and stderr, as far as it was not shown. */
interface Exit {
  readonly ok: boolean;
  readonly how: string;
  readonly stdout: string;
  readonly output: string;
}

// First on the PATH: `node` is then the workspace's own, whatever is installed on the machine.
const PATH = [`${ROOT}node_modules/.bin`, `${ROOT}test/node_modules/.bin`, process.env['PATH']].join(
  delimiter,
);

/** Runs a program to its end, or to its time limit. Does not throw: a program that cannot start is a failure too. */
export function run({ command, args, cwd = ROOT, show, timeoutMs = 300_000 }: Program): Promise<Exit> {
  const streams = show ? 'inherit' : 'pipe';
  const env = { ...process.env, PATH };
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', streams, streams] });
  let stdout = '';
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    output += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output += text));

  return new Promise((resolve) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
      // What it started itself may live on and hold the other ends, and we would wait for that.
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, timeoutMs);
    const end = (ok: boolean, how: string): void => {
      clearTimeout(timer);
      resolve({ ok, how: late ? `still running after ${timeoutMs / 1000} s` : how, stdout, output });
    };
    child.on('error', (error) => end(false, error.message));
    child.on('close', (code, signal) => end(code === 0, `exit code ${code ?? signal}`));
  });
}

/** The check that a program ends well. What it said becomes the problem when it does not. */
export async function succeeds(name: string, program: Program): Promise<Check> {
  const { ok, how, output } = await run(program);
  return { name, problems: ok ? [] : [`${how}\n${output.trimEnd()}`.trimEnd()] };
}

const { scripts } = await readJson<{ scripts: Record<string, string> }>('package.json');
const pinned = /pnpm@[\d.]+/.exec(scripts['test'] ?? '')?.[0] ?? 'pnpm';
const parent = process.env['npm_execpath'] ?? '';

/** Command and first arguments that start the pnpm this repository pins: the one we run under, else through npx. */
export const PNPM: readonly [string, ...string[]] =
  basename(parent) === 'pnpm' ? [parent] : ['npx', '--yes', pinned];
