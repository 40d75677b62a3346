import { ApiError, type ApiCall, type Served } from './api.ts';

const MOST_FILES = 20;

/** `POST /v1/files` (multipart). Keeps the last 20 files. */
export function createFile(call: ApiCall): Served {
  const { files } = call.api;
  const id = `file_011Fake${String(call.request.n).padStart(16, '0')}`;
  const oldest = files.keys().next().value;
  if (files.size >= MOST_FILES && oldest !== undefined) files.delete(oldest);
  files.set(id, filePart(call));
  return JSON.stringify(describe(call, id));
}

/** `GET /v1/files` */
export function listFiles(call: ApiCall): Served {
  const ids = [...call.api.files.keys()];
  const data = ids.map((id) => describe(call, id));
  if (call.dialect !== 'anthropic-messages') return JSON.stringify({ object: 'list', data, has_more: false });
  return JSON.stringify({ data, has_more: false, first_id: ids[0] ?? null, last_id: ids.at(-1) ?? null });
}

/** `GET /v1/files/{id}` */
export function getFile(call: ApiCall): Served {
  return JSON.stringify(describe(call, call.params[0] ?? ''));
}

/** `GET /v1/files/{id}/content` */
export function fileContent(call: ApiCall): Served {
  const { type, content } = find(call, call.params[0] ?? '');
  return { contentType: type, body: content };
}

/** `DELETE /v1/files/{id}` */
export function deleteFile(call: ApiCall): Served {
  const id = call.params[0] ?? '';
  find(call, id);
  call.api.files.delete(id);
  return call.dialect === 'anthropic-messages'
    ? JSON.stringify({ id, type: 'file_deleted' })
    : JSON.stringify({ id, object: 'file', deleted: true });
}

function describe(call: ApiCall, id: string): object {
  const { name, type, content } = find(call, id);
  if (call.dialect !== 'anthropic-messages') {
    const bytes = content.length;
    return { id, object: 'file', bytes, created_at: 1_767_225_600, filename: name, purpose: 'user_data' };
  }
  const created_at = '2026-01-01T00:00:00Z';
  const size_bytes = content.length;
  return { id, type: 'file', filename: name, mime_type: type, size_bytes, created_at, downloadable: true };
}

function find({ api }: ApiCall, id: string): { name: string; type: string; content: Buffer } {
  const found = api.files.get(id);
  if (!found) throw new ApiError(404, { message: 'File not found' });
  return found;
}

/** The part of the multipart body that has a file name. */
function filePart({ request }: ApiCall): { name: string; type: string; content: Buffer } {
  const boundary = /boundary="?([^";]+)/.exec(request.headers['content-type'] ?? '')?.[1];
  // latin1 keeps one character per byte, so that positions in the text are positions in the body.
  const parts = boundary === undefined ? [] : request.body.toString('latin1').split(`--${boundary}`);
  for (const part of parts) {
    const end = part.indexOf('\r\n\r\n');
    const head = part.slice(0, end);
    const name = /filename="([^"]*)"/.exec(head)?.[1];
    if (end === -1 || name === undefined) continue;
    return {
      name: Buffer.from(name, 'latin1').toString(),
      type: /content-type:\s*([^\r\n]+)/i.exec(head)?.[1] ?? 'application/octet-stream',
      content: Buffer.from(part.slice(end + 4, -2), 'latin1'),
    };
  }
  throw new ApiError(400, { message: 'file: Field required' });
}
