import type { Behaviour } from './behaviour.ts';
import { parseBehaviour } from './parse-behaviour.ts';
import type { RecordedRequest } from '../recorded-request.ts';

const HEADER = 'x-fake-upstream';
const MOST_HEADERS_COUNTED = 1000;

/** A behaviour as data, or as the line of text that `parseBehaviour` reads. */
export type BehaviourInput = Behaviour | string;

/**
 * Decides, for each request, what is done with it, once it has arrived whole. Undefined: the ordinary answer.
 *
 * @param n The request's number, `request.n`.
 */
export type Script = (
  request: RecordedRequest,
  n: number,
) => BehaviourInput | undefined | Promise<BehaviourInput | undefined>;

/** Chooses what is done with each request: as its header asks, else as queued, else as the script says. */
export class BehaviourChooser {
  #queue: Behaviour[] = [];
  #script: Script | undefined;
  readonly #askedByHeader = new Map<string, number>();

  /** Queues behaviours for the next requests, in order. */
  queue(inputs: readonly BehaviourInput[]): void {
    this.#queue.push(...inputs.map(toBehaviour));
  }

  /** Sets or removes the script. */
  setScript(script: Script | undefined): void {
    this.#script = script;
  }

  /** Forgets the queue, the script, and how often each header was seen. */
  reset(): void {
    this.#queue = [];
    this.#script = undefined;
    this.#askedByHeader.clear();
  }

  /** What is known as soon as the request's head has arrived. */
  atHead({ headers }: RecordedRequest): Behaviour | undefined {
    const asked = headers[HEADER];
    return typeof asked === 'string' ? this.#fromHeader(asked) : this.#fromQueue();
  }

  /** What the script says about a request for which nothing is known yet. */
  async byScript(request: RecordedRequest): Promise<Behaviour | undefined> {
    const input = await this.#script?.(request, request.n);
    return input === undefined ? undefined : toBehaviour(input);
  }

  #fromQueue(): Behaviour | undefined {
    const next = this.#queue.shift();
    const left = (next?.times ?? 1) - 1;
    if (next && left > 0) this.#queue.unshift({ ...next, times: left });
    return next;
  }

  #fromHeader(line: string): Behaviour {
    const behaviour = parseBehaviour(line);
    if (behaviour.times === undefined) return behaviour;
    const seen = this.#askedByHeader.get(line) ?? 0;
    if (seen === 0 && this.#askedByHeader.size >= MOST_HEADERS_COUNTED) this.#askedByHeader.clear();
    this.#askedByHeader.set(line, seen + 1);
    return seen < behaviour.times ? behaviour : { kind: 'answer' };
  }
}

function toBehaviour(input: BehaviourInput): Behaviour {
  return typeof input === 'string' ? parseBehaviour(input) : input;
}
