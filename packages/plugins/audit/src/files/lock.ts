import { randomBytes } from 'node:crypto';
import { link, readFile, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Clock, TimerHandle } from '@sluice/core';

interface Holder {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
  /** When the process began, as its kernel counts: a number alone may belong to another process by now. */
  readonly began: string;
}

/** Another process writes the log. */
export class LogInUse extends Error {
  static {
    this.prototype.name = 'LogInUse';
  }
}

const REFRESH_MS = 5_000;
/** A holder on another host that has not refreshed its lock for so long is gone. */
const ABANDONED_MS = 30_000;

const held = new Set<string>();

/** One writer per log: a file that names who writes. */
export class Lock {
  readonly #path: string;
  readonly #token: string;
  readonly #clock: Clock;
  #timer: TimerHandle;
  #lost = false;

  private constructor(path: string, token: string, clock: Clock) {
    this.#path = path;
    this.#token = token;
    this.#clock = clock;
    this.#refreshLater();
  }

  /**
   * Takes the lock, also from a process that is gone.
   *
   * @throws Error One sentence that says who holds it.
   */
  static async acquire(path: string, clock: Clock): Promise<Lock> {
    // Not from RANDOM: two processes whose chance is replaced must still differ.
    const token = randomBytes(16).toString('hex');
    held.add(token);
    try {
      for (let turn = 0; turn < 20; turn++) {
        if (await place(path, token)) return new Lock(path, token, clock);
        await takeAway(path, token, clock);
      }
    } catch (error) {
      held.delete(token);
      throw error;
    }
    held.delete(token);
    throw new Error(`the lock ${path} changes hands all the time; look who writes to this directory.`);
  }

  /** Whether somebody else has taken the lock: nothing may be written any more. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Gives the lock back. */
  async release(): Promise<void> {
    this.#clock.clearTimeout(this.#timer);
    held.delete(this.#token);
    if ((await readHolder(this.#path))?.token === this.#token) await unlink(this.#path);
  }

  #refreshLater(): void {
    this.#timer = this.#clock.setTimeout(() => {
      void this.#refresh();
    }, REFRESH_MS);
  }

  async #refresh(): Promise<void> {
    // Deleted together with the log's other files: nobody has taken it.
    if ((await readHolder(this.#path)) === undefined) await place(this.#path, this.#token).catch(() => false);
    const holder = await readHolder(this.#path);
    if (!held.has(this.#token)) return;
    this.#lost = holder !== undefined && holder.token !== this.#token;
    if (this.#lost) return;
    const now = new Date(this.#clock.wallTime());
    await utimes(this.#path, now, now).catch(() => undefined);
    if (held.has(this.#token)) this.#refreshLater();
  }
}

/** Puts a lock in place. A hard link is made or not made, whoever else tries at the same time. */
async function place(path: string, token: string): Promise<boolean> {
  const own = `${path}.${token}`;
  const holder: Holder = { token, pid: process.pid, host: hostname(), began: await began(process.pid) };
  await writeFile(own, JSON.stringify(holder), { mode: 0o600 });
  try {
    return await succeeds(link(own, path));
  } finally {
    await unlink(own);
  }
}

/** Removes the lock of somebody who is gone. */
async function takeAway(path: string, token: string, clock: Clock): Promise<void> {
  const holder = await readHolder(path);
  if (holder === undefined) return;
  if (await isAlive(holder, path, clock)) {
    throw new LogInUse(
      `the audit log is written by process ${holder.pid} on ${holder.host} already (${path}); ` +
        'give each process a log of its own with the option "log".',
    );
  }
  const grave = `${path}.${token}.gone`;
  if (!(await succeeds(rename(path, grave)))) return;
  const buried = await readHolder(grave);
  // Somebody was faster, and it is a new lock that was taken away: back with it.
  if (buried?.token !== holder.token) await succeeds(link(grave, path));
  await unlink(grave);
}

async function isAlive(
  { token, pid, host, began: since }: Holder,
  path: string,
  clock: Clock,
): Promise<boolean> {
  if (held.has(token)) return true;
  if (host !== hostname()) {
    // Processes of another host cannot be asked. A live one refreshes its lock.
    const theirs = await stat(path).catch(() => undefined);
    return theirs !== undefined && clock.wallTime() - theirs.mtimeMs < ABANDONED_MS;
  }
  // This process does not hold it: it had the same number in a life before.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return (await began(pid)) === since;
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

/** When a process began, in its kernel's ticks since the machine did; empty where that cannot be known. */
async function began(pid: number): Promise<string> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name, in parentheses, may hold anything.
  return status.slice(status.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function succeeds(action: Promise<unknown>): Promise<boolean> {
  return action.then(
    () => true,
    () => false,
  );
}
