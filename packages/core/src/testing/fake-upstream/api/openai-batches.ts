import { openaiChat } from '../../openai-chat-wire.ts';
import { answerTo } from './answer.ts';
import { ApiError, jsonBody, type ApiCall, type Served } from './api.ts';
import { field, text } from './read-json.ts';
import type { OpenaiBatch } from './stores.ts';

const MOST_BATCHES = 100;

/** `POST /v1/batches`, of chat completions. A batch is done as soon as it is made. */
export function createOpenaiBatch(call: ApiCall): Served {
  const { input_file_id, endpoint, completion_window, metadata } = jsonBody(call);
  if (endpoint !== '/v1/chat/completions')
    throw new ApiError(400, {
      message: 'This fake takes batches of /v1/chat/completions.',
      param: 'endpoint',
    });
  const { files, openaiBatches } = call.api;
  const input = files.get(String(input_file_id));
  if (!input) throw new ApiError(400, { message: 'No such File object', param: 'input_file_id' });
  const lines = input.content.toString().split('\n').filter(Boolean);
  const n = String(call.request.n).padStart(16, '0');
  const output = { name: 'output.jsonl', type: 'application/jsonl' };
  files.set(`file_011FakeOut${n}`, { ...output, content: Buffer.from(lines.map(resultLine).join('')) });
  const at = Math.floor(call.request.receivedAt / 1_000);
  const batch: OpenaiBatch = {
    id: `batch_01Fake${n}`,
    object: 'batch',
    endpoint,
    input_file_id,
    completion_window,
    status: 'completed',
    output_file_id: `file_011FakeOut${n}`,
    error_file_id: null,
    created_at: at,
    completed_at: at,
    request_counts: { total: lines.length, completed: lines.length, failed: 0 },
    metadata: metadata ?? null,
  };
  const oldest = openaiBatches.keys().next().value;
  if (openaiBatches.size >= MOST_BATCHES && oldest !== undefined) openaiBatches.delete(oldest);
  openaiBatches.set(batch.id, batch);
  return JSON.stringify(batch);
}

/** `GET /v1/batches` */
export function listOpenaiBatches({ api }: ApiCall): Served {
  const data = [...api.openaiBatches.values()];
  const ids = [...api.openaiBatches.keys()];
  const [first_id = null, last_id = null] = [ids[0], ids.at(-1)];
  return JSON.stringify({ object: 'list', data, has_more: false, first_id, last_id });
}

/** `GET /v1/batches/{id}`, and `POST …/cancel`, which comes too late. */
export function getOpenaiBatch({ api, params }: ApiCall): Served {
  const found = api.openaiBatches.get(params[0] ?? '');
  if (!found) throw new ApiError(404, { message: `No batch found with id '${params[0]}'.` });
  return JSON.stringify(found);
}

/** What the output file says of a line of the input file. */
function resultLine(line: string, n: number): string {
  const request = lineOf(line, n);
  const said = answerTo(field(request, 'body'));
  const answer: unknown = JSON.parse(openaiChat({ text: said.text, model: said.model, id: `chatcmpl-${n}` }));
  const response = { status_code: 200, request_id: `req_${n}`, body: answer };
  const custom_id = text(field(request, 'custom_id'));
  return `${JSON.stringify({ id: `batch_req_${n}`, custom_id, response, error: null })}\n`;
}

function lineOf(line: string, n: number): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    throw new ApiError(400, { message: `Line ${n + 1} of the input file is not valid JSON.` });
  }
}
