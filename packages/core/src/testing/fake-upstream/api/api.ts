import type { Dialect, ErrorWords } from '../../error-body.ts';
import type { BehaviourOf } from '../behaviours/behaviour.ts';
import type { BatchStore, FileStore, OpenaiBatchStore } from './stores.ts';
import type { RecordedRequest } from '../recorded-request.ts';

/** What the fake provider's API is made of. */
export interface Api {
  readonly requireKey: boolean;
  readonly models: readonly string[];
  /** True: requests for another model are refused. */
  readonly onlyModels: boolean;
  /** Milliseconds between the events of a stream. */
  readonly tokenDelayMs: number;
  readonly batches: BatchStore;
  readonly openaiBatches: OpenaiBatchStore;
  readonly files: FileStore;
  /** The fake upstream's own URL. */
  readonly origin: () => string;
}

/** One request to one route of the API. */
export interface ApiCall {
  readonly api: Api;
  readonly request: RecordedRequest;
  readonly dialect: Dialect;
  /** What the route's pattern captured. */
  readonly params: readonly string[];
  /** How the answer was told to be. */
  readonly given: BehaviourOf<'answer'> | undefined;
  /** True: answer by a stream even when the body does not ask for one. */
  readonly forceStream: boolean;
}

/** What a route answers. A string is a JSON body, a list of strings are the events of a stream. */
export type Served =
  | string
  | readonly string[]
  | { readonly contentType: string; readonly body: Uint8Array | string };

/** Thrown by a route to answer with an error of its dialect. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly words: ErrorWords;

  constructor(status: number, words: ErrorWords = {}) {
    super(words.message);
    this.status = status;
    this.words = words;
  }
}

/** The request's body, which must be a JSON object. */
export function jsonBody({ request }: ApiCall): Readonly<Record<string, unknown>> {
  let body: unknown;
  try {
    body = request.json();
  } catch {
    throw new ApiError(400, { message: 'The request body is not valid JSON.' });
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ApiError(400, { message: 'The request body must be a JSON object.' });
  }
  return body as Readonly<Record<string, unknown>>;
}

/** Refuses a body that lacks one of these fields, or wants a model there is not. */
export function checkBody(call: ApiCall, fields: readonly string[]): Readonly<Record<string, unknown>> {
  const body = jsonBody(call);
  for (const name of fields) {
    if (!(name in body)) throw new ApiError(400, { message: `${name}: Field required`, param: name });
  }
  const model = String(body['model']);
  if (call.api.onlyModels && !call.api.models.includes(model)) {
    throw new ApiError(404, { message: `model: ${model}`, code: 'model_not_found' });
  }
  return body;
}
