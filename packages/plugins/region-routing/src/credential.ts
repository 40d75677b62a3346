import { type ApiRequest, PipelineError } from '@sluice/core';
import type { EndpointCredential, Secret } from './endpoint.ts';

/** Headers by which callers prove who they are, at any provider. They go nowhere but where they belong. */
const CREDENTIAL_HEADERS = [
  'authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'x-amz-security-token',
  'x-amz-date',
  'x-amz-content-sha256',
] as const;

type Headers = ApiRequest['headers'];

/** The headers of a request with an endpoint's own credential in the place of the caller's. */
export function withCredential(
  headers: Headers,
  credential: EndpointCredential | undefined,
  signal: AbortSignal,
): Headers | Promise<Headers> {
  if (credential === 'caller') return headers;
  const own = withoutCredentials(headers);
  if (credential === undefined) return own;
  const bearer = 'bearer' in credential;
  const name = bearer ? 'authorization' : credential.header;
  const secret = valueOf(bearer ? credential.bearer : credential.value);
  const put = (value: string): Headers => {
    own[name] = bearer ? `Bearer ${checked(value)}` : checked(value);
    return own;
  };
  return secret instanceof Promise ? unlessAborted(secret, signal).then(put) : put(secret);
}

function withoutCredentials(headers: Headers): Record<string, string> {
  const own: Record<string, string> = { ...headers };
  for (const name of CREDENTIAL_HEADERS) if (name in own) delete own[name];
  return own;
}

function valueOf(secret: Secret): string | Promise<string> {
  return typeof secret === 'string' ? secret : secret();
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
