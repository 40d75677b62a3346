import { expect, it } from 'vitest';
import { PipelineError } from '../errors.ts';
import { proxyFailure, upstreamFailure } from './failure.ts';

const coded = (code: string): Error => Object.assign(new Error(code), { code });

it.each([
  ['ECONNREFUSED', 'connect_failed'],
  ['ENOTFOUND', 'connect_failed'],
  ['EAI_AGAIN', 'connect_failed'],
  ['ENETUNREACH', 'connect_failed'],
  ['EMFILE', 'overloaded'],
  ['ENFILE', 'overloaded'],
  ['ENOBUFS', 'overloaded'],
  ['ENOMEM', 'overloaded'],
  ['EADDRNOTAVAIL', 'overloaded'],
  ['UND_ERR_ABORTED', 'connect_failed'],
  ['ETIMEDOUT', 'connect_timeout'],
  ['UND_ERR_CONNECT_TIMEOUT', 'connect_timeout'],
  ['ECONNRESET', 'connection_lost'],
  ['EPIPE', 'connection_lost'],
  ['UND_ERR_SOCKET', 'connection_lost'],
  ['HPE_INVALID_CONSTANT', 'bad_answer'],
  ['UND_ERR_HEADERS_OVERFLOW', 'bad_answer'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls_failed'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'tls_failed'],
  ['CERT_HAS_EXPIRED', 'tls_failed'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls_failed'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls_failed'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls_failed'],
  ['EPROTO', 'tls_failed'],
  ['INVALID_CA', 'tls_failed'],
  ['UND_ERR_DESTROYED', 'shutting_down'],
  ['UND_ERR_INVALID_ARG', 'invalid_request'],
  ['ERR_INVALID_URL', 'invalid_request'],
  ['EWHATEVER', 'connection_lost'],
])('%s before an answer means %s, and keeps its cause', (code, meaning) => {
  const error = coded(code);
  expect(upstreamFailure(error, false)).toMatchObject({ code: meaning, cause: error });
});

it.each([
  'ECONNRESET',
  'UND_ERR_SOCKET',
  'HPE_INVALID_CHUNK_SIZE',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'EWHATEVER',
])('%s after the headers is a cut stream, which nobody tries again', (code) => {
  expect(upstreamFailure(coded(code), true)).toMatchObject({ code: 'stream_cut', retryable: false });
});

it('looks for the code in the cause, and in the first of several errors', () => {
  expect(upstreamFailure(new TypeError('fetch failed', { cause: coded('ECONNREFUSED') }), false).code).toBe(
    'connect_failed',
  );
  expect(upstreamFailure(new AggregateError([coded('ECONNREFUSED'), coded('ENETUNREACH')]), false).code).toBe(
    'connect_failed',
  );
  expect(upstreamFailure(new AggregateError([]), false).code).toBe('connection_lost');
});

it('blames this host for an address that is not to be had only if no other address was tried', () => {
  const [none, down] = [coded('EADDRNOTAVAIL'), coded('ECONNREFUSED')];
  const happyEyeballs = (...errors: Error[]): Error =>
    Object.assign(new AggregateError(errors), { code: (errors[0] as Error & { code: string }).code });
  expect(upstreamFailure(happyEyeballs(none, down), false).code).toBe('connect_failed');
  expect(upstreamFailure(happyEyeballs(none, none), false).code).toBe('overloaded');
});

it('takes anything for a lost connection that says nothing', () => {
  for (const odd of [undefined, null, 'text', 7, {}, new Error('x'), { code: 7 }]) {
    expect(upstreamFailure(odd, false)).toMatchObject({ code: 'connection_lost', retryable: true });
  }
});

it('passes our own errors through', () => {
  const error = new PipelineError('overloaded');
  expect(upstreamFailure(error, true)).toBe(error);
});

it('blames a proxy for what goes wrong on the way to it, and this host for its own want', () => {
  for (const code of ['ECONNRESET', 'CERT_HAS_EXPIRED', 'HPE_INVALID_CONSTANT', 'EWHATEVER']) {
    expect(proxyFailure(coded(code))).toMatchObject({ code: 'connect_failed', cause: { code } });
  }
  for (const code of ['EMFILE', 'EADDRNOTAVAIL']) {
    expect(proxyFailure(coded(code))).toMatchObject({ code: 'overloaded', cause: { code } });
  }
  const refused = new PipelineError('connect_failed');
  expect(proxyFailure(refused)).toBe(refused);
});
