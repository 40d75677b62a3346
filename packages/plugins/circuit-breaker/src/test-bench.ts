import { type Attempt, type AttemptListener, type Disposition, PipelineError } from '@sluice/core';
import { type FakeClock, fakeClock, fakeRandom } from '@sluice/core/testing';
import { type CircuitEvent, type CircuitRules, type Circuits, memoryCircuits } from './index.ts';
import { DEFAULT_RULES } from './options.ts';

/** What an attempt says of the upstream. */
export type Health = Disposition['health'];

/** Attempts against circuits, without a pipeline: what they come to is up to the test. */
export class TestBench {
  readonly clock: FakeClock = fakeClock();
  readonly events: CircuitEvent[] = [];
  readonly circuits: Circuits;

  constructor(rules: Partial<CircuitRules> = {}, seed = 1) {
    this.circuits = memoryCircuits({ clock: this.clock, random: fakeRandom(seed) });
    this.circuits.use({ ...DEFAULT_RULES, ...rules }, (event) => this.events.push(event));
  }

  begin(streamed = false, endpoint = 'eu', family = 'claude'): Running {
    return new Running(this.circuits.admit(endpoint, family, streamed), this.clock);
  }

  /** Attempts that end where they begin. */
  make(count: number, health: Health, retryAfterMs?: number): void {
    for (let i = 0; i < count; i++) this.begin().end(health, retryAfterMs);
  }

  /** What refuses the next attempt; undefined when it would be let through. */
  refusal(): PipelineError | undefined {
    try {
      this.begin().end('ignore');
      return undefined;
    } catch (error) {
      if (PipelineError.is(error)) return error;
      throw error;
    }
  }

  get state(): string | undefined {
    return this.circuits.list()[0]?.state;
  }

  get types(): string[] {
    return this.events.map(({ type }) => type);
  }

  async untilHalfOpen(): Promise<void> {
    await this.clock.advance(this.refusal()?.retryAfterMs ?? 0);
    if (this.state !== 'half-open') throw new Error(`the circuit is ${this.state}`);
  }
}

/** An attempt that was let through. */
export class Running {
  readonly #listener: AttemptListener;
  readonly #clock: FakeClock;
  readonly #startedAt: number;
  #firstContentMs: number | undefined;

  constructor(listener: AttemptListener, clock: FakeClock) {
    this.#listener = listener;
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  content(): this {
    this.#firstContentMs = this.#clock.now() - this.#startedAt;
    this.#listener.contentBegan?.(this.#attempt(undefined));
    return this;
  }

  end(health: Health, retryAfterMs?: number): void {
    this.#listener.attemptEnded(
      this.#attempt({ health, retryAfterMs, retry: 'no', otherEndpoint: false, credential: 'keep' }),
    );
  }

  #attempt(disposition: Disposition | undefined): Attempt {
    const startedAt = this.#startedAt;
    const ended = disposition !== undefined;
    return {
      startedAt,
      disposition,
      firstContentMs: this.#firstContentMs,
      durationMs: ended ? this.#clock.now() - startedAt : undefined,
      endpoint: undefined,
      status: undefined,
      error: undefined,
      usage: undefined,
    };
  }
}
