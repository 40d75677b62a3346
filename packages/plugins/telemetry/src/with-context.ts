import { context, type Context } from '@opentelemetry/api';
import type { Guard } from './guard.ts';

/** Runs the rest of a pipeline with a trace context active. Whatever the context manager does, the rest runs once. */
export function withContext(active: Context, rest: () => Promise<Response>, guard: Guard): Promise<Response> {
  let answer: Promise<Response> | undefined;
  try {
    context.with(active, () => {
      try {
        answer = rest();
      } catch (error) {
        // Not the manager's failure, and none of ours.
        answer = Promise.reject(error as Error);
      }
    });
  } catch (error) {
    guard.failed(error);
  }
  return answer ?? rest();
}
