import { type ApiRequest, PipelineError, refuseEcho, withoutCredentials } from '@sluice/core';
import type { EndpointCredential } from './endpoint.ts';

type OwnCredential = Exclude<EndpointCredential, 'caller'>;

/** The request with an endpoint's own credential in the place of the caller's, which goes nowhere but where it belongs. */
export function withCredential(
  request: ApiRequest,
  credential: EndpointCredential | undefined,
): ApiRequest | Promise<ApiRequest> {
  if (credential === 'caller') return request;
  const bare = withoutCredentials(request);
  if (credential === undefined) return bare;
  const secret = 'bearer' in credential ? credential.bearer : credential.value;
  if (typeof secret === 'string') return put(bare, credential, secret);
  const value = secret();
  if (!(value instanceof Promise)) return put(bare, credential, checked(value));
  return unlessAborted(value, request.signal).then((text) => put(bare, credential, checked(text)));
}

function put(bare: ApiRequest, credential: OwnCredential, value: string): ApiRequest {
  const header = headerOf(credential);
  const text = 'bearer' in credential ? `Bearer ${value}` : value;
  return { ...bare, headers: { ...bare.headers, [header]: text } };
}

/** @throws PipelineError In the place of an error answer that quotes an endpoint's own credential. */
export async function refuseOwnEcho(
  response: Response,
  { headers }: ApiRequest,
  credential: EndpointCredential | undefined,
): Promise<void> {
  if (credential === undefined || credential === 'caller') return;
  const value = headers[headerOf(credential)] ?? '';
  // Without the scheme: an error may quote the key alone.
  await refuseEcho(response, value.slice(value.indexOf(' ') + 1), 'region-routing');
}

function headerOf(credential: OwnCredential): string {
  return 'bearer' in credential ? 'authorization' : credential.header;
}

/** What a function returns was not there to be checked at assembly. */
function checked(value: unknown): string {
  if (typeof value === 'string' && /^[!-~](?:[ -~]*[!-~])?$/.test(value)) return value;
  throw new TypeError('the credential is no text of visible ASCII characters');
}

/** The call does not wait for a token longer than anybody waits for the call. */
function unlessAborted<T>(pending: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      const reason: unknown = signal.reason;
      reject(PipelineError.is(reason) ? reason : new PipelineError('client_abort', { cause: reason }));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    pending.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort);
    });
  });
}
