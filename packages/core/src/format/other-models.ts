import { readJson } from '../json/read-json.ts';
import type { ApiRequest } from '../request.ts';
import { get, isObject } from './spot.ts';

const MODEL = '"model"';
/** Without one of them, and with one `"model"` alone, no other is named. The last two begin escapes of the names' letters. */
const SIGNS = ['"fallbacks"', '"models"', '\\u006', '\\u0073'];

const NONE: readonly string[] = [];

/**
 * The models that a body names beside `model`: those to fall back to, and those that tools ask. Looked for in all
 * dialects alike, as many servers add such fields to whichever they speak.
 */
export function otherModels(request: ApiRequest): readonly string[] {
  if (request.body === null || !mayNameOthers(request.body)) return NONE;
  const json = readJson(request);
  const found: string[] = [];
  for (const one of [...listed(json, 'fallbacks'), ...listed(json, 'models')])
    found.push(nameOf(isObject(one) ? get(one, 'model') : one));
  for (const tool of listed(json, 'tools')) {
    const model = get(tool, 'model');
    if (model !== undefined) found.push(nameOf(model));
  }
  return found;
}

/** Whether it is worth parsing. Sees each way to write a name, and now and then something else. */
function mayNameOthers(body: Uint8Array): boolean {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const model = text.indexOf(MODEL);
  if (model >= 0 && text.includes(MODEL, model + MODEL.length)) return true;
  return SIGNS.some((sign) => text.includes(sign));
}

/** What a field lists; a value that is no list is the only one. */
function listed(json: unknown, field: string): readonly unknown[] {
  const value = get(json, field) ?? [];
  return Array.isArray(value) ? value : [value];
}

/** What is named in a way that is not known here counts as no model's name: it must not be taken for an allowed one. */
function nameOf(model: unknown): string {
  return typeof model === 'string' ? model : '';
}
