import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PipelineError } from '../errors.ts';
import type { OutcomeKind } from '../outcome.ts';
import type { FakeUpstream } from './fake-upstream.ts';
import { type TestPipeline, testPipeline, type TestPipelineOptions } from './test-pipeline.ts';

/** What came of a call over a socket. */
export interface SocketCall {
  readonly status: number;
  /** The body's text, or the error it broke off with. */
  readonly body: string | Error;
  readonly response: Response;
  /** Code of the outcome's cause. */
  readonly code: string | undefined;
  readonly kind: OutcomeKind | undefined;
}

/** A pipeline with the real transport before a fake upstream; one per test. */
export class SocketCase implements AsyncDisposable {
  /** The pipeline. */
  test: TestPipeline;
  readonly #url: string;

  constructor(upstream: FakeUpstream, options: TestPipelineOptions = {}) {
    upstream.reset();
    this.#url = upstream.url;
    this.test = testPipeline({ upstream: this.#url, sockets: true, ...options });
  }

  /** Uses a pipeline with options of its own from here on. */
  async reassemble(options: TestPipelineOptions): Promise<void> {
    await this.test[Symbol.asyncDispose]();
    this.test = testPipeline({ upstream: this.#url, sockets: true, ...options });
  }

  /** Makes a call and reads its body to the end, however that ends. */
  async post(fields: Readonly<Record<string, unknown>> = {}, init: RequestInit = {}): Promise<SocketCall> {
    const response = await this.test.post(fields, init);
    const body = await response.text().catch((error: unknown) => error as Error);
    // undici gives a connection back one turn after its answer.
    await nextTurn();
    const outcome = this.test.outcomes.at(-1);
    const code = (outcome?.cause as PipelineError | undefined)?.code;
    return { status: response.status, body, response, code, kind: outcome?.kind };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.test[Symbol.asyncDispose]();
  }
}
