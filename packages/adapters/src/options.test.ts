import { testPipeline } from '@sluice/core/testing';
import { expect, it } from 'vitest';
import { mount as mountExpress } from './express.ts';
import { mount as mountKoa } from './koa.ts';
import { mount as mountNode } from './node.ts';
import { mount as mountWeb } from './web.ts';

const MOUNTS = [mountNode, mountExpress, mountKoa, mountWeb] as (typeof mountNode)[];

it.each([
  [{ basePath: 'claude' }, /^mount: option "basePath": must be a path such as "\/claude"/],
  [{ basePath: '/claude/' }, /"basePath".*without a slash at its end/],
  [{ basePath: '/a/../b%2f' }, /"basePath"/],
  [{ maxBodyBytes: 0 }, /"maxBodyBytes": must be at least 1/],
  [{ maxBufferedBytes: 0 }, /"maxBufferedBytes": must be at least 1/],
  [{ bodyTimeoutMs: '1s' }, /"bodyTimeoutMs": must be a number/],
  [{ writeStallMs: Number.NaN }, /"writeStallMs"/],
  [{ identify: 'me' }, /"identify": must be a function of the request/],
  [{ routes: [{ method: 'HEAD', path: '/a' }] }, /"routes.0.method"/],
  [{ routes: [{ method: 'GET', path: 'a' }] }, /"routes.0.path"/],
  [{ maxbodybytes: 1 }, /^mount: there is no option "maxbodybytes"\.$/],
  [{ routes: [{ method: 'GET' }] }, /^mount: option "routes\.0\.path" is missing\.$/],
  [null, /^mount takes its options as an object/],
])('an impossible option is refused, and named: %j', (options, message) => {
  const { pipeline } = testPipeline();
  for (const mount of MOUNTS) {
    expect(() => mount(pipeline, options as never)).toThrow(TypeError);
    expect(() => mount(pipeline, options as never)).toThrow(message);
  }
});

it('undefined stands for an option that is left out', () => {
  const { pipeline } = testPipeline();
  const route = { method: 'GET', path: '/a', maxBodyBytes: undefined };
  const options = { basePath: undefined, identify: undefined, routes: [route] };
  for (const mount of MOUNTS) expect(() => mount(pipeline, options as never)).not.toThrow();
});
