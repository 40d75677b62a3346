import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromHost, ToHost } from './subject.ts';

const HOST = fileURLToPath(new URL('host.ts', import.meta.url));

/** A subject in its own process. */
export class SubjectProcess {
  readonly name: string;
  readonly port: number;
  readonly #process: ChildProcess;

  private constructor(name: string, port: number, child: ChildProcess) {
    this.name = name;
    this.port = port;
    this.#process = child;
  }

  static async start(name: string, upstreamUrl: string): Promise<SubjectProcess> {
    const child = fork(HOST, [name, upstreamUrl], {
      // What a subject prints must not end up in the JSON on stdout.
      stdio: ['ignore', 2, 2, 'ipc'],
      env: { ...process.env, NODE_ENV: 'production' },
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    const message = await nextMessage(child, name);
    if (message.type !== 'ready') throw new Error(`${name} says '${message.type}' before it is ready`);
    return new SubjectProcess(name, message.port, child);
  }

  /** The CPU time that the process has used so far, user and system, all threads. */
  async cpuMs(): Promise<number> {
    const answer = nextMessage(this.#process, this.name);
    this.#process.send('cpu' satisfies ToHost);
    const message = await answer;
    if (message.type !== 'cpu')
      throw new Error(`${this.name} says '${message.type}' instead of its CPU time`);
    return (message.cpuUsage.user + message.cpuUsage.system) / 1000;
  }
}

const running = new Set<ChildProcess>();

/** Kills every subject at once: there is nothing in them to be saved. */
export function killSubjects(): void {
  for (const child of running) child.kill('SIGKILL');
}

function nextMessage(child: ChildProcess, name: string): Promise<FromHost> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown): void => {
      child.off('exit', onExit);
      resolve(message as FromHost);
    };
    const onExit = (code: number | null, signal: string | null): void => {
      child.off('message', onMessage);
      reject(new Error(`subject ${name} ended: ${signal ?? `exit code ${code}`}`));
    };
    child.once('message', onMessage).once('exit', onExit);
  });
}
