import type { ApiRequest } from '../request.ts';
import { pathOf } from '../request.ts';
import { anthropicMessages } from './anthropic-messages.ts';
import type { Format } from './format.ts';
import { openaiChat } from './openai-chat.ts';
import { openaiResponses } from './openai-responses.ts';

/** Every format that Sluice knows. */
export const FORMATS: readonly Format[] = [anthropicMessages, openaiChat, openaiResponses];

/** The dialect to say an error in: that of the request, or the one that its caller most likely reads. */
export function errorFormatFor(
  request: Pick<ApiRequest, 'method' | 'url' | 'headers'>,
  matched: Format | undefined,
): Format {
  if (matched !== undefined) return matched;
  return isAnthropic(request) ? anthropicMessages : openaiChat;
}

function isAnthropic({ url, headers }: Pick<ApiRequest, 'url' | 'headers'>): boolean {
  if (headers['anthropic-version'] !== undefined || headers['x-api-key'] !== undefined) return true;
  // With a slash, so that it holds for the route itself and for what lies below it.
  return `${pathOf(url)}/`.includes('/v1/messages/');
}
