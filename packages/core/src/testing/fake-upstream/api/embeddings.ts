import { createHash } from 'node:crypto';
import { fakeRandom } from '../../fake-random.ts';
import { estimateTokens } from '../../split-tokens.ts';
import { ApiError, checkBody, type ApiCall, type Served } from './api.ts';

const MOST_INPUTS = 2048;
const MOST_DIMENSIONS = 3072;

/** `POST /v1/embeddings`: for each input a vector of length 1 that depends on nothing but the input. */
export function embeddings(call: ApiCall): Served {
  const body = checkBody(call, ['input']);
  const inputs = (Array.isArray(body['input']) ? (body['input'] as unknown[]) : [body['input']]).map(String);
  const dimensions = Number(body['dimensions'] ?? 1536);
  if (inputs.length > MOST_INPUTS || !(dimensions >= 1 && dimensions <= MOST_DIMENSIONS)) {
    throw new ApiError(400, { message: 'Too many inputs or dimensions.', param: 'input' });
  }
  // The official SDK asks for base64 and decodes it, whatever its user asked for.
  const packed = body['encoding_format'] === 'base64';
  const data = inputs.map((input, index) => {
    const vector = vectorOf(input, dimensions);
    const bytes = Buffer.from(vector.buffer);
    return { object: 'embedding', index, embedding: packed ? bytes.toString('base64') : [...vector] };
  });
  const tokens = estimateTokens(inputs.join(''));
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  return JSON.stringify({ object: 'list', data, model: body['model'], usage }, null, 2);
}

function vectorOf(input: string, dimensions: number): Float32Array<ArrayBuffer> {
  const random = fakeRandom(createHash('sha256').update(input).digest().readUInt32LE());
  const vector = Float32Array.from({ length: dimensions }, () => random.next() - 0.5);
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}
