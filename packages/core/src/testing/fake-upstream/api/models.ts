import { ApiError, type ApiCall, type Served } from './api.ts';

/** The models that are listed by default. */
export const DEFAULT_MODELS: readonly string[] = [
  'claude-opus-5-5',
  'claude-sonnet-4-5',
  'claude-haiku-4-5',
  'gpt-5.4',
  'text-embedding-3-small',
];

/** `GET /v1/models` */
export function listModels(call: ApiCall): Served {
  const { models } = call.api;
  const data = models.map((id) => describe(call, id));
  if (call.dialect !== 'anthropic-messages') return JSON.stringify({ object: 'list', data });
  return JSON.stringify({
    data,
    has_more: false,
    first_id: models[0] ?? null,
    last_id: models.at(-1) ?? null,
  });
}

/** `GET /v1/models/{id}` */
export function getModel(call: ApiCall): Served {
  const asked = call.params[0] ?? '';
  const id = call.api.models.find((model) => model === asked || encodeURIComponent(model) === asked);
  if (id === undefined) throw new ApiError(404, { message: `model: ${asked}`, code: 'model_not_found' });
  return JSON.stringify(describe(call, id));
}

function describe({ dialect }: ApiCall, id: string): object {
  return dialect === 'anthropic-messages'
    ? { type: 'model', id, display_name: id, created_at: '2026-01-01T00:00:00Z' }
    : { id, object: 'model', created: 1_767_225_600, owned_by: 'fake-upstream' };
}
