import { type ApiRequest, PipelineError } from '@sluice/core';
import type { EndpointCredential } from './endpoint.ts';

/** Headers by which callers prove who they are, at any provider. They go nowhere but where they belong. */
const CREDENTIAL_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'x-amz-security-token',
  'x-amz-date',
  'x-amz-content-sha256',
]);

type Headers = ApiRequest['headers'];
type OwnCredential = Exclude<EndpointCredential, 'caller'>;

/** The headers of a request with an endpoint's own credential in the place of the caller's. */
export function withCredential(
  headers: Headers,
  credential: EndpointCredential | undefined,
  signal: AbortSignal,
): Headers | Promise<Headers> {
  if (credential === 'caller') return headers;
  const own = withoutCredentials(headers);
  if (credential === undefined) return own;
  const secret = 'bearer' in credential ? credential.bearer : credential.value;
  if (typeof secret === 'string') return put(own, credential, secret);
  const value = secret();
  if (!(value instanceof Promise)) return put(own, credential, checked(value));
  return unlessAborted(value, signal).then((text) => put(own, credential, checked(text)));
}

function put(own: Record<string, string>, credential: OwnCredential, value: string): Headers {
  if ('bearer' in credential) own['authorization'] = `Bearer ${value}`;
  else own[credential.header] = value;
  return own;
}

function withoutCredentials(headers: Headers): Record<string, string> {
  // Built up and not cut down: `delete` makes an object slow for whoever reads it after.
  const own: Record<string, string> = {};
  for (const name of Object.keys(headers)) {
    if (!CREDENTIAL_HEADERS.has(name)) own[name] = headers[name] as string;
  }
  return own;
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
