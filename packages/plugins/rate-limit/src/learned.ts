/** Models that are remembered. Only models that an upstream has answered for get here. */
const MAX_MODELS = 1_000;
/** Weight of a new observation, once there were enough of them. */
const WEIGHT = 0.1;
/** Output of a model that nothing is known of yet. */
const UNKNOWN_OUTPUT = 1_024;
/** Estimates below this are mostly JSON punctuation, and teach nothing. */
const LEAST_INPUT = 20;

/** What a model's answers have shown. */
interface Known {
  seen: number;
  /** Tokens of input, by those of the heuristic. */
  inputRatio: number;
  /** Tokens of output of an answer. */
  output: number;
  /** Tokens of output of one content event of a stream; 0: none was seen yet. */
  perEvent: number;
}

/** Corrects estimates, by model, by what usage turned out to be: moving averages. */
export class Learned {
  readonly #models = new Map<string, Known>();

  /** Tokens of input that the heuristic's guess comes to. */
  input(model: string | undefined, guessed: number): number {
    return Math.ceil(guessed * (this.#models.get(model ?? '')?.inputRatio ?? 1));
  }

  /** Tokens of output that an answer usually has, with some room. */
  output(model: string | undefined): number {
    const known = this.#models.get(model ?? '');
    return known === undefined ? UNKNOWN_OUTPUT : Math.ceil(known.output * 1.5);
  }

  /** Tokens of output that so many content events are. Never fewer than one each. */
  streamed(model: string | undefined, events: number): number {
    return Math.ceil(events * Math.max(1, this.#models.get(model ?? '')?.perEvent ?? 1));
  }

  /** Takes note of a whole answer. `guessed` is undefined where somebody else has estimated. */
  note(
    model: string | undefined,
    {
      guessed,
      input,
      output,
      events,
    }: { guessed: number | undefined; input: number; output: number; events: number },
  ): void {
    const name = model ?? '';
    let known = this.#models.get(name);
    if (known === undefined) {
      if (this.#models.size >= MAX_MODELS) this.#models.clear();
      known = { seen: 0, inputRatio: 1, output: 0, perEvent: 0 };
      this.#models.set(name, known);
    }
    known.seen++;
    const weight = Math.max(WEIGHT, 1 / known.seen);
    known.output += (output - known.output) * weight;
    if (guessed !== undefined && guessed >= LEAST_INPUT && input > 0) {
      // One odd answer must not make all estimates worthless.
      const ratio = Math.min(8, Math.max(1 / 8, input / guessed));
      known.inputRatio += (ratio - known.inputRatio) * weight;
    }
    if (events > 0) {
      const perEvent = Math.min(1_000, output / events);
      known.perEvent += (perEvent - known.perEvent) * (known.perEvent === 0 ? 1 : weight);
    }
  }
}
