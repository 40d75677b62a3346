import { cellsOf, type Cell } from './cells.ts';
import { killSubjects, SubjectError, SubjectProcess } from './child.ts';
import { isClient } from './kinds.ts';
import { measureRound, type Sample } from './measure.ts';
import { measureMemory, type Memory } from './memory.ts';
import type { Options } from './options.ts';
import { isAvailable, isPeer } from './peers.ts';
import { generationsFor, isEnough, type Progress } from './plan.ts';
import { say } from './say.ts';
import { Upstream } from './upstream.ts';

const QUICK_INSTALL_MS = 20_000;
const INSTALL_MS = 120_000;

/** When no further subject is measured for its memory, counted from the start of the run. */
const MEMORY_UNTIL_MS = 690_000;

/** What a run has found out. */
export interface Results {
  readonly samples: readonly Sample[];
  readonly memory: readonly Memory[];
}

/** One run of the benchmark, from installing what is missing to the last figure. */
export class Run {
  readonly #options: Options;
  readonly #startMs: number;
  readonly #upstream: Upstream;
  #names: readonly string[];
  #subjects: readonly SubjectProcess[] = [];
  #samples: readonly Sample[] = [];

  private constructor(options: Options, startMs: number, names: readonly string[], upstream: Upstream) {
    this.#startMs = startMs;
    this.#options = options;
    this.#names = names;
    this.#upstream = upstream;
  }

  static async measure(options: Options): Promise<Results> {
    const startMs = performance.now();
    const run = new Run(options, startMs, await availableSubjects(options), await Upstream.listen());
    try {
      await run.#generations();
      const memory = options.full && options.modes.includes('sse') ? await run.#memory() : [];
      return { samples: run.#samples, memory };
    } finally {
      run.#upstream.close();
      killSubjects();
    }
  }

  /**
   * Measures in generations. Two processes of the same program can differ by several percent for as long as they live
   * (in what the compiler chose, and where things happen to lie in memory), so one process each would not do.
   */
  async #generations(): Promise<void> {
    const options = this.#options;
    const cells = cellsOf(options);
    let rounds = 0;
    let generations = 1;
    for (let generation = 1; generation <= generations; generation += 1) {
      await this.#start();
      const warmUpMs = await this.#warmUp(cells);
      if (generation === 1) generations = generationsFor(options, warmUpMs);
      let progress: Progress;
      do {
        rounds += 1;
        say(`Round ${rounds}`);
        const roundStartMs = performance.now();
        for (const cell of cells) {
          const samples = await this.#round(cell, rounds);
          this.#samples = [...this.#samples, ...samples];
        }
        const nowMs = performance.now();
        const share = generation / generations;
        progress = { share, rounds, elapsedMs: nowMs - this.#startMs, roundMs: nowMs - roundStartMs };
      } while (!isEnough(options, progress));
      killSubjects();
    }
  }

  /** Starts a new process for each subject. */
  async #start(): Promise<void> {
    const starting = this.#names.map(async (name) => {
      try {
        return [await SubjectProcess.start(name, this.#upstream.url)];
      } catch (error) {
        this.#leaveOut(error);
        return [];
      }
    });
    this.#subjects = (await Promise.all(starting)).flat();
  }

  /** Rounds that do not count. All subjects take part in turns, or those that are ready early would cool down again. */
  async #warmUp(cells: readonly Cell[]): Promise<number> {
    const { warmUpMs, warmUpRounds } = this.#options;
    say('Warming up');
    const startMs = performance.now();
    let passedMs = 0;
    for (let round = 1; round <= warmUpRounds && passedMs < warmUpMs; round += 1) {
      for (const cell of cells) await this.#round(cell, round);
      passedMs = performance.now() - startMs;
    }
    return passedMs;
  }

  /** One round of one cell; again without a peer that fails in it. */
  async #round(cell: Cell, round: number): Promise<readonly Sample[]> {
    for (;;) {
      try {
        return await measureRound(this.#subjects, cell, round, this.#upstream, this.#options.full);
      } catch (error) {
        this.#leaveOut(error);
      }
    }
  }

  async #memory(): Promise<readonly Memory[]> {
    const memory: Memory[] = [];
    // A stream from the cache is over as soon as it has begun.
    for (const name of this.#names.filter((each) => !isClient(each) && !each.endsWith('cache-hit'))) {
      if (performance.now() - this.#startMs > MEMORY_UNTIL_MS) {
        say(`The memory of ${name} is left out: there is no time left.`);
        continue;
      }
      say(`Memory of ${name}`);
      try {
        memory.push(await measureMemory(name, this.#upstream));
      } catch (error) {
        // Its other figures stay. A busy machine may be too slow for so many, and that is no fault of ours either.
        if (!(error instanceof SubjectError)) throw error;
        say(`The memory of ${name} is left out: ${error.message}`);
      }
    }
    return memory;
  }

  /** A peer that fails is left out, with all that it had done. What is ours ends the run. */
  #leaveOut(error: unknown): void {
    if (!(error instanceof SubjectError) || !isPeer(error.subject)) throw error;
    const { subject } = error;
    say(`${subject} is left out: ${error.message}`);
    this.#names = this.#names.filter((name) => name !== subject);
    this.#subjects = this.#subjects.filter(({ name }) => name !== subject);
    this.#samples = this.#samples.filter((sample) => sample.subject !== subject);
  }
}

async function availableSubjects(options: Options): Promise<readonly string[]> {
  const available: string[] = [];
  for (const name of options.subjects) {
    if (await isAvailable(name, options.quick ? QUICK_INSTALL_MS : INSTALL_MS)) available.push(name);
    else say(`${name} is left out: what it needs could not be installed.`);
  }
  return available;
}
