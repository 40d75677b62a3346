import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FromHost, Headers, ToHost } from './subject.ts';

const HOST = fileURLToPath(new URL('host.ts', import.meta.url));

/** A peer that prints a start screen for a second or two, on a busy machine. */
const START_MS = 30_000;

/** A turn of a client, and more. */
const ANSWER_MS = 30_000;

/** A subject that could not be started, or went wrong. */
export class SubjectError extends Error {
  readonly subject: string;

  constructor(subject: string, cause: unknown) {
    super(`${subject}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.subject = subject;
  }
}

/** A subject in its own process. */
export class SubjectProcess {
  readonly name: string;
  readonly port: number;
  readonly requestHeaders: Headers;
  readonly #process: ChildProcess;

  private constructor(name: string, ready: FromHost & { type: 'ready' }, child: ChildProcess) {
    this.name = name;
    this.port = ready.port;
    this.requestHeaders = ready.requestHeaders;
    this.#process = child;
  }

  static async start(name: string, upstreamUrl: string): Promise<SubjectProcess> {
    const child = fork(HOST, [name, upstreamUrl], {
      // What a subject prints must not end up in the JSON on stdout.
      stdio: ['ignore', 2, 2, 'ipc'],
      env: { ...process.env, NODE_ENV: 'production', TMPDIR: temporaryFolder() },
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    try {
      return new SubjectProcess(name, await nextMessage(child, 'ready', START_MS), child);
    } catch (error) {
      child.kill('SIGKILL');
      throw new SubjectError(name, error);
    }
  }

  /** The CPU time that the process has used so far, user and system, all threads. */
  async cpuMs(): Promise<number> {
    const { cpuUsage } = await this.ask({ type: 'usage' }, 'usage');
    return (cpuUsage.user + cpuUsage.system) / 1000;
  }

  /** How much memory the process has in RAM, in bytes. */
  async rssBytes(): Promise<number> {
    return (await this.ask({ type: 'usage' }, 'usage')).rssBytes;
  }

  /** Sends a message and waits for its answer. */
  ask<Type extends FromHost['type']>(
    message: ToHost,
    type: Type,
  ): Promise<Extract<FromHost, { type: Type }>> {
    const answer = nextMessage(this.#process, type, ANSWER_MS);
    this.#process.send(message);
    return answer;
  }

  /** There is nothing in it to be saved. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

const running = new Set<ChildProcess>();
let folder: string | undefined;

/** One folder for all that the subjects write: they are killed, and clean up nothing. */
function temporaryFolder(): string {
  folder ??= mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  return folder;
}

/** Kills every subject at once. */
export function killSubjects(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Kills every subject, and removes what they have written. */
export function cleanUp(): void {
  killSubjects();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

function nextMessage<Type extends FromHost['type']>(
  child: ChildProcess,
  type: Type,
  timeoutMs: number,
): Promise<Extract<FromHost, { type: Type }>> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      child.off('message', onMessage).off('exit', onExit);
    };
    const onMessage = (message: unknown): void => {
      settle();
      const got = message as FromHost;
      if (got.type === type) resolve(got as Extract<FromHost, { type: Type }>);
      else reject(new Error(`it says '${got.type}' in the place of '${type}'`));
    };
    const onExit = (code: number | null, signal: string | null): void => {
      settle();
      reject(new Error(`it ended: ${signal ?? `exit code ${code}`}`));
    };
    const timer = setTimeout(() => {
      settle();
      reject(new Error(`no '${type}' within ${timeoutMs} ms`));
    }, timeoutMs);
    child.once('message', onMessage).once('exit', onExit);
  });
}
