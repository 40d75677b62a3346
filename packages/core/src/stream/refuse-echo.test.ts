import { describe, expect, it } from 'vitest';
import { PipelineError } from '../errors.ts';
import { BodyFacts } from './body-facts.ts';
import { bytesSource } from './body.ts';
import { LazyResponse } from './lazy-response.ts';
import { refuseEcho } from './refuse-echo.ts';

const SECRET = 'sk-ant-the-operators-own';

const answer = (text: string, headers: Record<string, string> = {}): Response =>
  LazyResponse.from({
    status: 400,
    statusText: '',
    headers,
    body: { bytes: bytesSource(Buffer.from(text)) },
    facts: new BodyFacts(undefined),
  });

describe('an error answer', () => {
  it.each([
    ['in JSON', answer(`{"error":{"message":"you sent ${SECRET}"}}`)],
    ['in JSON, with escapes', answer(JSON.stringify(SECRET).replaceAll('-', '\\u002d'))],
    ['in a text', answer(`authorization: Bearer ${SECRET}`)],
    ['in a page', answer(`<pre>${SECRET}</pre>`)],
    ['in broken JSON', answer(`{"message":"${SECRET}", broken`)],
    ['behind the first 64 KiB', answer('x'.repeat(100_000) + SECRET)],
    ['in a header', answer('{}', { 'x-debug': `Bearer ${SECRET}` })],
    ['perhaps, beyond what is looked through', answer('x'.repeat(1_200_000))],
    ['perhaps, as it says that it is so long', answer('', { 'content-length': '9999999' })],
  ])('that quotes the secret %s is refused', async (_, response) => {
    const error: unknown = await refuseEcho(response, SECRET, 'x').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PipelineError);
    expect(error).toMatchObject({ code: 'bad_answer', plugin: 'x', retryable: false });
    expect(JSON.stringify([String(error), (error as PipelineError).cause])).not.toContain(SECRET);
    expect(response.bodyUsed).toBe(true);
  });

  it('that quotes a secret with characters that JSON escapes is refused', async () => {
    const secret = 'a"secret\\of/ours';
    await expect(refuseEcho(answer(JSON.stringify({ secret })), secret, 'x')).rejects.toThrow(PipelineError);
  });

  it.each(['', '{"error":{"message":"no"}}', 'sk-ant-the-operators', 'x'.repeat(1_000_000)])(
    'that does not is left as it is',
    async (text) => {
      const response = answer(text);
      await refuseEcho(response, SECRET, 'x');
      expect(await response.text()).toBe(text);
    },
  );

  it('may hold the placeholder that stands for a key', async () => {
    const response = answer('none of the models');
    await refuseEcho(response, 'none', 'x');
    expect(await response.text()).toBe('none of the models');
  });

  it('that was cut is handed on with its cut', async () => {
    const cut = new Error('cut');
    const pieces = [Buffer.from('half')];
    const response = LazyResponse.from({
      status: 500,
      statusText: '',
      headers: {},
      body: {
        bytes: {
          pull: () => {
            const piece = pieces.shift();
            if (piece === undefined) throw cut;
            return piece;
          },
          cancel: () => undefined,
        },
      },
      facts: new BodyFacts(undefined),
    });
    await refuseEcho(response, SECRET, 'x');
    await expect(response.text()).rejects.toThrow(cut);
  });
});
