// A serverless function that streams. Platforms that speak the web's Request and Response (Vercel, Netlify, Cloud Run with
// Hono) take the handler as it is; AWS Lambda hands over an event instead, and a stream to write to.
import assert from 'node:assert/strict';
import { Readable, Writable } from 'node:stream';
import { pipeline as pump } from 'node:stream/promises';
import { mount } from '@sluice/adapters/web';
import { standardPipeline } from '@sluice/standard';
import { claudeOrFake } from './support/upstream.ts';

await using upstream = await claudeOrFake();

// #region handler
// Outside the handler: made once for each instance, so that connections and circuits outlive a call.
const pipeline = standardPipeline({
  upstream: upstream.url, // https://api.anthropic.com
  // Less than the platform allows a function, so that the caller gets an error and not a cut connection.
  timeouts: { totalMs: 55_000, streamedTotalMs: 55_000 },
});
const handler = mount(pipeline, { basePath: '/claude' });
// export default { fetch: handler };
// #endregion

// #region lambda
/** As much of an event of a Lambda function URL as is needed. */
interface LambdaEvent {
  readonly rawPath: string;
  readonly rawQueryString: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly requestContext: { readonly http: { readonly method: string } };
  readonly body?: string;
  readonly isBase64Encoded: boolean;
}
type Head = { readonly statusCode: number; readonly headers: Readonly<Record<string, string>> };

/**
 * export const handle = awslambda.streamifyResponse((event, stream) =>
 *   answer(event, (head) => awslambda.HttpResponseStream.from(stream, head)));
 */
async function answer(event: LambdaEvent, open: (head: Head) => Writable): Promise<void> {
  const { rawPath, rawQueryString, headers, requestContext, body, isBase64Encoded } = event;
  const url = `https://${headers['host']}${rawPath}${rawQueryString && `?${rawQueryString}`}`;
  const given = body === undefined ? null : Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
  const response = await handler(
    new Request(url, { method: requestContext.http.method, headers, body: given }),
  );
  const out = open({ statusCode: response.status, headers: Object.fromEntries(response.headers) });
  await pump(response.body ? Readable.fromWeb(response.body) : Readable.from([]), out);
}
// #endregion

// Here an event is made up, and the stream writes to the terminal.
const question = {
  model: 'claude-haiku-4-5',
  max_tokens: 100,
  stream: true,
  messages: [{ role: 'user', content: 'Hello, Lambda!' }],
};
const event: LambdaEvent = {
  rawPath: '/claude/v1/messages',
  rawQueryString: '',
  headers: {
    host: 'function.example',
    'content-type': 'application/json',
    'anthropic-version': '2023-06-01',
    'x-api-key': upstream.apiKey,
  },
  requestContext: { http: { method: 'POST' } },
  body: JSON.stringify(question),
  isBase64Encoded: false,
};
let head: Head | undefined;
let text = '';
await answer(event, (its) => {
  head = its;
  return new Writable({
    write(bytes: Buffer, _, done) {
      text += String(bytes);
      process.stdout.write(bytes);
      done();
    },
  });
});
assert.equal(head?.statusCode, 200);
assert.match(text, /event: message_stop/);
await pipeline.close();
