import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe } from 'vitest';
import { type DevTools, devTools } from './dev-tools.ts';
import { systemProgram } from './system-program.ts';

const program =
  process.env['CHROMIUM'] ??
  (await systemProgram({
    names: ['chromium', 'chromium-browser', 'google-chrome'],
    // The fonts are for a page in Chinese.
    packages: ['chromium', 'fonts-noto-cjk'],
  }));

/** `describe` for tests that need a browser: `CHROMIUM`, one on the PATH, or one that can be installed. */
export const describeWithChromium = program === undefined ? describe.skip : describe;

/** Chromium without a window, with a profile of its own, gone when it is disposed of. */
export interface Chromium extends AsyncDisposable {
  /** Its remote control. */
  readonly devTools: DevTools;
}

/** Starts a browser. */
export async function startChromium(): Promise<Chromium> {
  if (program === undefined) throw new Error('there is no Chromium; use describeWithChromium');
  const profile = await mkdtemp(join(tmpdir(), 'sluice-chromium-'));
  const child = spawn(
    program,
    [
      '--headless=new',
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      // Tests run as root in containers, whose sandbox it refuses.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-extensions',
      '--disable-sync',
      '--hide-scrollbars',
      '--no-default-browser-check',
      '--no-first-run',
      '--no-pings',
      '--password-store=basic',
      'about:blank',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  // Nothing stays behind when the test process ends early.
  const killed = (): void => void child.kill('SIGKILL');
  process.on('exit', killed);
  const end = async (): Promise<void> => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    process.off('exit', killed);
    // Its helpers may still write for a moment.
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  try {
    const tools = await devTools(await addressOf(child));
    return {
      devTools: tools,
      async [Symbol.asyncDispose]() {
        tools.close();
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Where it listens for its remote control, as it says itself. */
function addressOf(child: ChildProcess): Promise<string> {
  const said: string[] = [];
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`chromium did not start: ${said.join('\n')}`)), 30_000);
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`chromium ended with ${code}: ${said.join('\n')}`)));
    createInterface(child.stderr as NonNullable<ChildProcess['stderr']>).on('line', (line) => {
      if (said.length < 100) said.push(line);
      const [, address] = /DevTools listening on (ws:\S+)/.exec(line) ?? [];
      if (address === undefined) return;
      clearTimeout(timer);
      resolve(address);
    });
  });
}
