import { anthropicMessages } from '../format/anthropic-messages.ts';
import { answerResponse } from '../stream/answer.ts';
import type { StreamController, StreamObserver, StreamTransformer } from '../stream/hooks.ts';
import { DEFAULT_SSE_LIMITS } from '../stream/sse-decoder.ts';
import type { SseEvent } from '../stream/sse-event.ts';
import { type SpiedPiece, SpiedSource } from './spied-source.ts';

/** An answer whose pieces come from a source that tells what was asked of it. */
export function spiedAnswer(
  pieces: readonly SpiedPiece[] | SpiedSource,
  headers: Record<string, string> = { 'content-type': 'text/event-stream' },
): Response {
  const source = pieces instanceof SpiedSource ? pieces : new SpiedSource(pieces);
  const parts = {
    status: 200,
    statusText: '',
    headers,
    format: anthropicMessages,
    limits: DEFAULT_SSE_LIMITS,
  };
  return answerResponse({ ...parts, source }).response;
}

/** Notes everything that an observer is told. */
export function recorder(log: string[], name = ''): StreamObserver {
  return {
    event: (event) => void log.push(`${name}event ${event.type}`),
    chunk: (bytes) => void log.push(`${name}chunk ${bytes.length}`),
    end: () => void log.push(`${name}end`),
    error: (cause) => void log.push(`${name}error ${(cause as Error).message}`),
  };
}

/** Forwards every event. */
export const identity: StreamTransformer = {
  transform: (event, controller) => {
    controller.enqueue(event);
  },
};

/** Acts on the events of one type, and forwards the others. */
export function on(
  type: string,
  act: (event: SseEvent, controller: StreamController) => void,
): StreamTransformer {
  return {
    transform: (event, controller) => {
      if (event.type === type) act(event, controller);
      else controller.enqueue(event);
    },
  };
}
