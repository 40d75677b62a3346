import { anthropicMessages } from '@sluice/core';
import { type BatchRequest, DEFAULT_URL } from '../request.ts';

type HeaderRecord = Readonly<Record<string, string>>;

/** Where a provider's own key is the only right one, whatever the path: the other's must not be shown to it. */
const ANTHROPIC = 'api.anthropic.com';
const OPENAI = 'api.openai.com';

/** The headers of each call: what was given, and the key of the environment that belongs to it. */
export function headersOf(
  given: HeaderRecord,
  env: Readonly<Record<string, string | undefined>>,
  upstream: string,
): (request: BatchRequest) => HeaderRecord {
  const { hostname } = new URL(upstream);
  return ({ url = DEFAULT_URL }) => {
    const isMessages = anthropicMessages.matches('POST', url.split('?', 1)[0] ?? '');
    const isAnthropic = hostname === ANTHROPIC || (hostname !== OPENAI && isMessages);
    const key = isAnthropic ? env['ANTHROPIC_API_KEY'] : env['OPENAI_API_KEY'];
    // Empty is what an unset variable of a compose file arrives as.
    if (key === undefined || key === '') return given;
    return isMessages ? { ...given, 'x-api-key': key } : { ...given, authorization: `Bearer ${key}` };
  };
}
