import { anthropicMessage } from '../../anthropic-wire.ts';
import { anthropicAnswer } from './anthropic-api.ts';
import { ApiError, jsonBody, type ApiCall, type Served } from './api.ts';
import { field, list } from './read-json.ts';

const MOST_BATCHES = 100;

/** `POST /v1/messages/batches`. A batch is done as soon as it is made. */
export function createBatch(call: ApiCall): Served {
  const { batches } = call.api;
  const requests = list(jsonBody(call)['requests']);
  if (requests.length === 0) throw new ApiError(400, { message: 'requests: Field required' });
  const id = `msgbatch_01Fake${String(call.request.n).padStart(16, '0')}`;
  const at = new Date(call.request.receivedAt).toISOString();
  const batch = {
    id,
    type: 'message_batch',
    processing_status: 'ended',
    request_counts: { processing: 0, succeeded: requests.length, errored: 0, canceled: 0, expired: 0 },
    ended_at: at,
    created_at: at,
    expires_at: new Date(call.request.receivedAt + 86_400_000).toISOString(),
    archived_at: null,
    cancel_initiated_at: null,
    results_url: `${call.api.origin()}/v1/messages/batches/${id}/results`,
  };
  const oldest = batches.keys().next().value;
  if (batches.size >= MOST_BATCHES && oldest !== undefined) batches.delete(oldest);
  batches.set(id, { batch, requests });
  return JSON.stringify(batch);
}

/** `GET /v1/messages/batches` */
export function listBatches({ api }: ApiCall): Served {
  const ids = [...api.batches.keys()];
  const data = [...api.batches.values()].map(({ batch }) => batch);
  return JSON.stringify({ data, has_more: false, first_id: ids[0] ?? null, last_id: ids.at(-1) ?? null });
}

/** `GET /v1/messages/batches/{id}`, and `POST …/cancel`, which comes too late. */
export function getBatch(call: ApiCall): Served {
  return JSON.stringify(find(call).batch);
}

/** `DELETE /v1/messages/batches/{id}` */
export function deleteBatch(call: ApiCall): Served {
  find(call);
  const id = call.params[0] ?? '';
  call.api.batches.delete(id);
  return JSON.stringify({ id, type: 'message_batch_deleted' });
}

/** `GET /v1/messages/batches/{id}/results`: JSON lines. */
export function batchResults(call: ApiCall): Served {
  const lines = find(call).requests.map((request) => {
    const message: unknown = JSON.parse(anthropicMessage(anthropicAnswer(field(request, 'params'))));
    return JSON.stringify({ custom_id: field(request, 'custom_id'), result: { type: 'succeeded', message } });
  });
  return { contentType: 'application/x-jsonl', body: `${lines.join('\n')}\n` };
}

function find({ api, params }: ApiCall): { readonly batch: object; readonly requests: readonly unknown[] } {
  const found = api.batches.get(params[0] ?? '');
  if (!found) throw new ApiError(404, { message: 'Message batch not found' });
  return found;
}
