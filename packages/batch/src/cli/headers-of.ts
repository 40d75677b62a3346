import { anthropicMessages } from '@sluice/core';
import type { BatchRequest } from '../request.ts';
import { DEFAULT_URL } from '../request.ts';

type HeaderRecord = Readonly<Record<string, string>>;

/** The headers of each call: what was given, and the key of the provider whose API the item's path belongs to. */
export function headersOf(
  given: HeaderRecord,
  env: Readonly<Record<string, string | undefined>>,
): (request: BatchRequest) => HeaderRecord {
  const { ANTHROPIC_API_KEY, OPENAI_API_KEY } = env;
  // Empty is what an unset variable of a compose file arrives as.
  const anthropic = ANTHROPIC_API_KEY ? { ...given, 'x-api-key': ANTHROPIC_API_KEY } : given;
  const openai = OPENAI_API_KEY ? { ...given, authorization: `Bearer ${OPENAI_API_KEY}` } : given;
  return ({ url = DEFAULT_URL }) =>
    anthropicMessages.matches('POST', url.split('?', 1)[0] ?? '') ? anthropic : openai;
}
