/** One item of a batch. Extend it with what your own code wants to find again in the result. */
export interface BatchRequest {
  /** Tells the item from the others of the batch, also in a second run: 1 to 256 characters, each id once. */
  readonly customId: string;
  /** The body of the call, for example what `client.messages.create` takes. Without `stream: true`. */
  readonly params: object;
  /**
   * Path of the call, for example `/v1/chat/completions`.
   *
   * @default '/v1/messages'
   */
  readonly url?: string;
}

/** Where an item without `url` goes. */
export const DEFAULT_URL: string = '/v1/messages';

const MAX_ID_CHARS = 256;

/**
 * What is wrong with an item, as the end of a sentence; undefined when nothing is. Whatever can be told without
 * sending is told here: a provider would say the same, after as many calls.
 */
export function complaintAbout(item: unknown): string | undefined {
  if (typeof item !== 'object' || item === null) return 'is no object; write { customId, params }';
  const { customId, params, url } = item as { readonly [K in keyof BatchRequest]?: unknown };
  if (typeof customId !== 'string' || customId === '' || customId.length > MAX_ID_CHARS)
    return `needs a customId of 1 to ${MAX_ID_CHARS} characters`;
  if (typeof params !== 'object' || params === null || Array.isArray(params))
    return 'needs params, an object: the body of the call';
  if (url !== undefined && (typeof url !== 'string' || !/^\/(?![/\\])/.test(url)))
    return 'has a url that is no path; write it like "/v1/messages"';
  if ('stream' in params && params.stream === true)
    return 'asks for a stream; remove "stream": a batch collects whole answers';
  return undefined;
}
