import type { Context } from '../context.ts';
import type { ApiRequest } from '../request.ts';
import { token, type Token } from '../token.ts';

/** The innermost send: one request to one upstream, once. Retrying and choosing are the work of plugins. */
export interface Transport {
  /**
   * Sends a request. Resolves at the response's headers, whatever the status; the body streams.
   *
   * @throws PipelineError when there is no response: not reachable, cut, too slow, aborted.
   */
  send(request: ApiRequest, ctx: Context): Promise<Response>;
  /** Closes every connection. Called when no call is in progress any more. */
  close?(): Promise<void>;
}

/**
 * The transport service. Without one provided, a pipeline makes an undici transport from its own options. Provide a
 * scripted one in tests.
 */
export const TRANSPORT: Token<Transport> = token('transport');

/**
 * The pipeline's `upstream`: the base URL, without a slash at its end, that stands before the caller's path in every
 * request. For plugins that send a request elsewhere and have to tell the two apart.
 */
export const UPSTREAM: Token<string> = token('upstream');
