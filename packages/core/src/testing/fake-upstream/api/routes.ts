import { errorBody, type Dialect } from '../../error-body.ts';
import { countTokens, messages } from './anthropic-api.ts';
import { ApiError, type Api, type ApiCall, type Served } from './api.ts';
import { batchResults, createBatch, deleteBatch, getBatch, listBatches } from './batches.ts';
import type { BehaviourOf } from '../behaviours/behaviour.ts';
import { embeddings } from './embeddings.ts';
import { createFile, deleteFile, fileContent, getFile, listFiles } from './files.ts';
import { getModel, listModels } from './models.ts';
import { chatCompletions, responses } from './openai-api.ts';
import { createOpenaiBatch, getOpenaiBatch, listOpenaiBatches } from './openai-batches.ts';
import { withHeaders, type PlannedReply } from '../planned-reply.ts';
import { providerHeaders } from './provider-headers.ts';
import type { RecordedRequest } from '../recorded-request.ts';

type Serve = (call: ApiCall) => Served;

/** A path by its end, so that any prefix will do; the dialect is told by the request where the path does not tell it. */
interface Route {
  readonly path: RegExp;
  readonly dialect?: Dialect;
  readonly methods: Readonly<Record<string, Serve>>;
}

const ROUTES: readonly Route[] = [
  { path: /\/v1\/messages$/, dialect: 'anthropic-messages', methods: { POST: messages } },
  { path: /\/v1\/messages\/count_tokens$/, dialect: 'anthropic-messages', methods: { POST: countTokens } },
  {
    path: /\/v1\/messages\/batches$/,
    dialect: 'anthropic-messages',
    methods: { GET: listBatches, POST: createBatch },
  },
  {
    path: /\/v1\/messages\/batches\/([^/]+)$/,
    dialect: 'anthropic-messages',
    methods: { GET: getBatch, DELETE: deleteBatch },
  },
  {
    path: /\/v1\/messages\/batches\/([^/]+)\/cancel$/,
    dialect: 'anthropic-messages',
    methods: { POST: getBatch },
  },
  {
    path: /\/v1\/messages\/batches\/([^/]+)\/results$/,
    dialect: 'anthropic-messages',
    methods: { GET: batchResults },
  },
  { path: /\/chat\/completions$/, dialect: 'openai-chat', methods: { POST: chatCompletions } },
  { path: /\/responses$/, dialect: 'openai-responses', methods: { POST: responses } },
  { path: /\/embeddings$/, dialect: 'openai-chat', methods: { POST: embeddings } },
  {
    path: /\/batches$/,
    dialect: 'openai-chat',
    methods: { GET: listOpenaiBatches, POST: createOpenaiBatch },
  },
  { path: /\/batches\/([^/]+)$/, dialect: 'openai-chat', methods: { GET: getOpenaiBatch } },
  { path: /\/batches\/([^/]+)\/cancel$/, dialect: 'openai-chat', methods: { POST: getOpenaiBatch } },
  { path: /\/models$/, methods: { GET: listModels } },
  { path: /\/models\/([^/]+)$/, methods: { GET: getModel } },
  { path: /\/files$/, methods: { GET: listFiles, POST: createFile } },
  { path: /\/files\/([^/]+)$/, methods: { GET: getFile, DELETE: deleteFile } },
  { path: /\/files\/([^/]+)\/content$/, methods: { GET: fileContent } },
];

/** How the answer to a request is to be made. */
export interface PlanOptions {
  readonly given?: BehaviourOf<'answer'>;
  /** Answer by a stream even when the body does not ask for one. Default: false. */
  readonly forceStream?: boolean;
  /** Answer with the error of this status, whatever the request. */
  readonly refuse?: number;
}

/** What a well-behaved provider answers to the request. */
export function planReply(request: RecordedRequest, api: Api, options: PlanOptions = {}): PlannedReply {
  const path = request.path.split('?', 1)[0] ?? '';
  const route = ROUTES.find((each) => each.path.test(path));
  const dialect = route?.dialect ?? dialectByKey(request);
  const { given, forceStream = false, refuse } = options;
  let status = 200;
  let served: Served;
  try {
    if (refuse !== undefined) throw new ApiError(refuse);
    if (api.requireKey && !hasKey(request)) throw new ApiError(401);
    const params = route?.path.exec(path)?.slice(1) ?? [];
    served = serveOf(route, request.method)({ api, request, dialect, params, given, forceStream });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    status = error.status;
    served = errorBody(dialect, status, { requestId: request.requestId, ...error.words });
  }
  const facts = { dialect, status, requestId: request.requestId, n: request.n, at: request.receivedAt };
  return {
    dialect,
    status,
    headers: withHeaders([...contentHeaders(served), ...providerHeaders(facts)], given?.headers),
    stream: Array.isArray(served),
    pieces: piecesOf(served),
    intervalMs: given?.tokenDelayMs ?? api.tokenDelayMs,
  };
}

function serveOf(route: Route | undefined, method: string): Serve {
  if (!route) throw new ApiError(404);
  const serve = route.methods[method === 'HEAD' ? 'GET' : method];
  if (!serve) throw new ApiError(405, { message: 'Method Not Allowed' });
  return serve;
}

function contentHeaders(served: Served): [string, string][] {
  if (typeof served === 'string') return [['content-type', 'application/json']];
  if ('contentType' in served) return [['content-type', served.contentType]];
  return [
    ['content-type', 'text/event-stream; charset=utf-8'],
    ['cache-control', 'no-cache'],
  ];
}

function piecesOf(served: Served): readonly (string | Uint8Array)[] {
  if (typeof served === 'string') return [served];
  return 'contentType' in served ? [served.body] : served;
}

function dialectByKey({ headers }: RecordedRequest): Dialect {
  const openai = headers.authorization !== undefined && headers['anthropic-version'] === undefined;
  return openai ? 'openai-chat' : 'anthropic-messages';
}

function hasKey({ headers }: RecordedRequest): boolean {
  return Boolean(headers['x-api-key']) || /^Bearer \S/.test(headers.authorization ?? '');
}
