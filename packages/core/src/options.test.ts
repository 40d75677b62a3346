import { describe, expect, it } from 'vitest';
import { anthropicMessages } from './format/anthropic-messages.ts';
import type { Format } from './format/format.ts';
import type { PipelineOptions } from './options.ts';
import { createPipeline } from './pipeline.ts';
import { testPipeline } from './testing/test-pipeline.ts';

const upstream = 'https://upstream.test';

const complaint = (options: unknown): string => {
  try {
    createPipeline(options as PipelineOptions);
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as Error).message;
  }
  return expect.unreachable();
};

describe('createPipeline', () => {
  it.each([
    [undefined, 'createPipeline takes its options as an object, { name: value }.'],
    [null, 'createPipeline takes its options as an object, { name: value }.'],
    [upstream, 'createPipeline takes its options as an object, { name: value }.'],
    [{}, 'createPipeline: option "upstream" is missing.'],
    [{ upstream: undefined }, 'createPipeline: option "upstream" is missing.'],
    [
      { upstream: 7 },
      'createPipeline: option "upstream": must be a URL, for example "https://api.anthropic.com".',
    ],
    [
      { upstream: 'api.anthropic.com' },
      'createPipeline: option "upstream" is no URL; write it like "https://api.anthropic.com".',
    ],
    [
      { upstream: '' },
      'createPipeline: option "upstream" is no URL; write it like "https://api.anthropic.com".',
    ],
    [{ upstream, plugin: [] }, 'createPipeline: there is no option "plugin".'],
    [{ upstream, timeouts: { firstEvent: 1 } }, 'createPipeline: there is no option "timeouts.firstEvent".'],
    [{ upstream, timeouts: { idleMs: 0 } }, 'createPipeline: option "timeouts.idleMs": must be at least 1.'],
    [
      { upstream, timeouts: { idleMs: -1, totalMs: Number.NaN } },
      'createPipeline: option "timeouts.idleMs": must be at least 1; option "timeouts.totalMs": must be a number of milliseconds.',
    ],
    [
      { upstream, timeouts: { idleMs: '1' } },
      'createPipeline: option "timeouts.idleMs": must be a number of milliseconds.',
    ],
    [{ upstream, transport: { retries: 1 } }, 'createPipeline: there is no option "transport.retries".'],
    [
      { upstream, transport: { connections: 1.5 } },
      'createPipeline: option "transport.connections": must be a whole number.',
    ],
    [
      { upstream, transport: { proxy: 'http://user:100%@localhost:1' } },
      'createPipeline: option "transport.proxy": must hold its user and password percent-encoded: a % itself is %25.',
    ],
    [
      { upstream, transport: { proxy: 'proxy:8080x' } },
      'createPipeline: option "transport.proxy": must be an http: or https: URL.',
    ],
    [
      { upstream, transport: { proxy: 'socks5://localhost:1' } },
      'createPipeline: option "transport.proxy": must be an http: or https: URL.',
    ],
    [
      { upstream, transport: { ca: 7 } },
      'createPipeline: option "transport.ca": must be PEM text or a list of it.',
    ],
    [
      { upstream, transport: { allowInsecureUpstream: 'yes' } },
      'createPipeline: option "transport.allowInsecureUpstream": must be true or false.',
    ],
    [
      { upstream, jsonLimits: { maxDepth: 0 } },
      'createPipeline: option "jsonLimits.maxDepth": must be at least 1.',
    ],
    [{ upstream, maxConcurrentCalls: 0 }, 'createPipeline: option "maxConcurrentCalls": must be at least 1.'],
    [{ upstream, plugins: {} }, 'createPipeline: option "plugins": must be a list.'],
    [{ upstream, formats: [{}] }, 'createPipeline: option "formats.0": is no format.'],
  ])('%j is answered with one sentence', (options, sentence) => {
    expect(complaint(options)).toBe(sentence);
  });

  it.each([
    'http://api.anthropic.com',
    'http://127.0.0.1.evil.test',
    'http://localhost.evil.test',
    'http://127.1.evil.test',
    'http://[::2]',
    'http://0.0.0.0',
    'ftp://localhost',
    'file:///etc/passwd',
  ])('refuses %s, which would send keys in clear', (insecure) => {
    expect(complaint({ upstream: insecure })).toBe(
      'createPipeline: option "upstream" must be https: unless it is loopback; set transport.allowInsecureUpstream to send keys and prompts in clear.',
    );
  });

  it.each([
    'http://127.0.0.1:1',
    'http://127.9.9.9',
    'http://localhost:8080/base',
    'http://[::1]:8080',
    'http://127.1',
    'https://10.0.0.1',
  ])('takes %s', (secure) => {
    expect(() => createPipeline({ upstream: secure })).not.toThrow();
  });

  it('takes an insecure upstream when it is told to, but no scheme other than http', () => {
    expect(() =>
      createPipeline({ upstream: 'http://10.0.0.1', transport: { allowInsecureUpstream: true } }),
    ).not.toThrow();
    for (const odd of ['ftp://10.0.0.1', 'file:///etc/passwd', 'data:text/plain,x']) {
      expect(complaint({ upstream: odd, transport: { allowInsecureUpstream: true } })).toMatch(
        /must be https:/,
      );
    }
  });

  it.each([
    'https://user@x.test',
    'https://user:pass@x.test',
    'https://:pass@x.test',
    'https://x.test/?key=1',
    'https://x.test/#a',
  ])('refuses %s, which holds what does not belong there', (odd) => {
    expect(complaint({ upstream: odd })).toBe(
      'createPipeline: option "upstream" must hold no credentials, query or fragment.',
    );
  });

  it('never repeats a password of an upstream or a proxy', () => {
    expect(complaint({ upstream: 'https://user:s3cr3t@x.test' })).not.toContain('s3cr3t');
    expect(complaint({ upstream, transport: { proxy: 'http://user:s3cr3t%@x.test' } })).not.toContain(
      's3cr3t',
    );
    expect(complaint({ upstream, transport: { proxy: 'socks5://user:s3cr3t@x.test' } })).not.toContain(
      's3cr3t',
    );
  });

  it('takes undefined for an option that is left out', () => {
    const options = {
      upstream,
      plugins: undefined,
      services: undefined,
      container: undefined,
      timeouts: undefined,
      maxConcurrentCalls: undefined,
    };
    expect(() => createPipeline(options as unknown as PipelineOptions)).not.toThrow();
  });

  it('takes undefined for a nested option that is left out, and its default', () => {
    const timeouts = { idleMs: undefined, totalMs: 7 };
    const transport = { proxy: undefined, ca: undefined };
    const options = { upstream, timeouts, transport, jsonLimits: { maxDepth: undefined } };
    const { timeouts: used } = createPipeline(options as unknown as PipelineOptions).describe();
    expect(used).toEqual({ ...createPipeline({ upstream }).describe().timeouts, totalMs: 7 });
    expect(complaint({ upstream, timeouts: { idleMs: undefined, totalMs: 0 } })).toBe(
      'createPipeline: option "timeouts.totalMs": must be at least 1.',
    );
  });

  it('keeps the path of the upstream before the path of the call, slash or not', async () => {
    for (const base of ['https://upstream.test/base/v2', 'https://upstream.test/base/v2//']) {
      await using test = testPipeline({ upstream: base, answers: [new Response('{}', { status: 404 })] });
      await (await test.pipeline.fetch('https://anything.test/v1/models?limit=1#x')).text();
      expect(test.transport.requests[0]?.url).toBe('https://upstream.test/base/v2/v1/models?limit=1');
    }
  });

  it('asks formats of the user before its own', async () => {
    const mine: Format = { ...anthropicMessages, name: 'mine' };
    await using test = testPipeline({ formats: [mine] });
    expect(test.pipeline.describe().formats).toEqual([
      'mine',
      'anthropic-messages',
      'openai-chat',
      'openai-responses',
    ]);
  });
});
