import { type ApiRequest, CLOCK, createPipeline, type Pipeline, provide, TRANSPORT } from '@sluice/core';
import { anthropicMessage, type FakeClock, fakeClock } from '@sluice/core/testing';

/** A call that waits for the test to answer it. */
export interface HeldCall {
  /** What the item asked for. */
  readonly text: string;
  readonly request: ApiRequest;
  answer(response?: Response): void;
}

/** A pipeline whose transport answers when the test says so, in any order. */
export interface HeldPipeline extends AsyncDisposable {
  readonly pipeline: Pipeline;
  readonly clock: FakeClock;
  /** Calls that wait for an answer, oldest first. */
  readonly held: readonly HeldCall[];
  /** The most that ever waited at once. */
  readonly mostHeld: number;
}

/** A whole answer. */
export function answerOf(text: string): Response {
  return new Response(anthropicMessage({ text, usage: { input_tokens: 2, output_tokens: 3 } }), {
    headers: { 'content-type': 'application/json' },
  });
}

/** Makes a {@link HeldPipeline}. */
export function heldPipeline(): HeldPipeline {
  const clock = fakeClock();
  const held: HeldCall[] = [];
  let mostHeld = 0;
  const send = (request: ApiRequest): Promise<Response> =>
    new Promise((resolve, reject) => {
      const { text } = JSON.parse(Buffer.from(request.body ?? []).toString()) as { text: string };
      const leave = (): void => void held.splice(held.indexOf(call), 1);
      const call: HeldCall = {
        text,
        request,
        answer(response = answerOf(text)) {
          leave();
          resolve(response);
        },
      };
      request.signal.addEventListener('abort', () => {
        if (!held.includes(call)) return;
        leave();
        reject(request.signal.reason as Error);
      });
      held.push(call);
      mostHeld = Math.max(mostHeld, held.length);
    });
  const pipeline = createPipeline({
    upstream: 'https://upstream.test',
    services: [
      provide(CLOCK, () => clock),
      provide(TRANSPORT, () => ({ send, close: () => Promise.resolve() })),
    ],
  });
  return {
    pipeline,
    clock,
    held,
    get mostHeld() {
      return mostHeld;
    },
    [Symbol.asyncDispose]: () => pipeline.close(0),
  };
}
