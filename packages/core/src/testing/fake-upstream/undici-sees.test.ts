import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fakeUpstream, type FakeUpstream } from '../fake-upstream.ts';

// What a real client makes of the faults: if a row changes with a version of undici, so may our transport's errors.
const CASES: readonly (readonly [behaviour: string, seen: RegExp])[] = [
  ['answer', /^200 whole$/],
  ['reset-before-headers', /^ECONNRESET$/],
  ['close-before-headers', /^UND_ERR_SOCKET$/],
  // Node 22 takes a reset by its own process, right behind data, for an end.
  ['reset-after-headers', /^200 (?:ECONNRESET|UND_ERR_SOCKET)$/],
  ['reset-mid-stream', /^200 ECONNRESET$/],
  ['cut-mid-stream', /^200 cut$/],
  ['cut-mid-stream; ending=fin', /^200 UND_ERR_SOCKET$/],
  ['cut-mid-stream; ending=close-delimited', /^200 cut$/],
  ['truncate', /^200 UND_ERR_SOCKET$/],
  ['truncate; framing=mid-chunk', /^200 UND_ERR_SOCKET$/],
  ['truncate; framing=no-last-chunk', /^200 UND_ERR_SOCKET$/],
  ['truncate; framing=close-delimited', /^200 cut$/],
  ['truncate; framing=close-delimited; ending=rst', /^200 cut$/],
  ['informational; count=1000', /^200 whole$/],
  ['http-101', /^UND_ERR_SOCKET$/],
  ['204-with-body', /^204 cut$/],
  ['bad-framing; flaw=cl-and-te', /^(?:UND_ERR_RES_CONTENT_LENGTH_MISMATCH|HTTPParserError)$/],
  ['bad-framing; flaw=two-cls', /^(?:UND_ERR_RES_CONTENT_LENGTH_MISMATCH|HTTPParserError)$/],
  ['bad-framing; flaw=huge-header', /^UND_ERR_HEADERS_OVERFLOW$/],
  ['bad-framing; flaw=not-http', /^HTTPParserError$/],
  ['bad-framing; flaw=obs-fold', /^HTTPParserError$/],
  ['bad-framing; flaw=lf-only', /^HTTPParserError$/],
  ['bad-framing; flaw=bad-chunk-size', /^(?:200 )?HTTPParserError$/],
  ['status; status=999', /^999 cut$/],
  ['drip; what=headers; intervalMs=0', /^200 whole$/],
  ['drip; intervalMs=0', /^200 whole$/],
  ['extra-bytes', /^200 whole$/],
];

let upstream: FakeUpstream;
let agent: Agent;
beforeAll(async () => {
  upstream = await fakeUpstream();
  agent = new Agent();
});
afterAll(async () => {
  await agent.destroy();
  await upstream.close();
});

describe('undici', () => {
  const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'Hello' }] });

  it.each(CASES)('%s', async (behaviour, seen) => {
    const headers = { 'x-fake-upstream': behaviour };
    let outcome = '';
    try {
      const response = await request(`${upstream.url}/v1/messages`, {
        dispatcher: agent,
        method: 'POST',
        headers,
        body,
      });
      outcome = `${response.statusCode} `;
      outcome += (await response.body.text()).includes('message_stop') ? 'whole' : 'cut';
    } catch (error) {
      // Parser errors have no code.
      const { code, name } = error as Error & { code?: string };
      outcome += code ?? name;
    }
    expect(outcome).toMatch(seen);
  });

  it('drops a connection on which more came than it asked for', async () => {
    const ask = async (behaviour: string): Promise<string> => {
      const headers = { 'x-fake-upstream': behaviour };
      const response = await request(`${upstream.url}/v1/messages`, {
        dispatcher: agent,
        method: 'POST',
        headers,
        body,
      });
      return response.body.text();
    };
    await ask('extra-bytes');
    const before = upstream.connections;
    expect(await ask('answer')).not.toContain('poisoned');
    expect(upstream.connections).toBe(before + 1);
  });
});
