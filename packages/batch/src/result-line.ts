import type { BatchResult, ItemResult } from './result.ts';

/**
 * A result as a line of JSON with its line feed, in the form of the results of Anthropic's Message Batches. An error has
 * `status` beside it, and `code` and `retry_after_ms` where there are such. Holds nothing of the request but its id.
 */
export function resultLine({ customId, result }: BatchResult): string {
  return `${JSON.stringify({ custom_id: customId, result: wireOf(result) })}\n`;
}

function wireOf(result: ItemResult): object {
  switch (result.type) {
    case 'succeeded':
      return { type: result.type, message: result.message };
    case 'errored': {
      const { type, error, status, code, retryAfterMs } = result;
      return { type, error, status, code, retry_after_ms: retryAfterMs };
    }
    case 'canceled':
      return { type: result.type };
  }
}
