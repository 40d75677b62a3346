import { mount as webMount } from '@sluice/adapters/web';
import type { Pipeline } from '@sluice/core';
import { Hono } from 'hono';
import { type HostOptions, HOSTS } from '../integration/mounts.ts';

/** What `fetch` is to a client: an SDK's own option, or what a test calls. */
export type Fetch = (url: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Options of an adapter. */
export type MountOptions = Omit<HostOptions, 'before' | 'socketPath'>;

/** A pipeline that can be called. */
export interface Mounted extends AsyncDisposable {
  /** What a client is given as its base URL, without a final slash. */
  readonly baseUrl: string;
  /** What a client is given as its `fetch`. */
  readonly fetch: Fetch;
}

/** A way to call a pipeline: as a `fetch`, or behind a route of a web app. */
export interface Mount {
  readonly name: string;
  /** Behind a route: adapters see to routes, and to headers that concern a browser. */
  readonly isAdapter: boolean;
  /** Options are for adapters; a `fetch` has no routes. */
  start(pipeline: Pipeline, options?: MountOptions): Promise<Mounted>;
}

/** Drop-in for `fetch`; the origin of the URL is replaced. */
export const FETCH: Mount = {
  name: 'pipeline.fetch',
  isAdapter: false,
  start: (pipeline) =>
    Promise.resolve({
      baseUrl: 'https://provider.invalid',
      fetch: pipeline.fetch,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
};

/** Hono, called without a server: its requests and responses are the web's own. */
const HONO: Mount = {
  name: 'Hono',
  isAdapter: true,
  start(pipeline, options = {}) {
    const handle = webMount(pipeline, options);
    const app = new Hono();
    app.all('*', (context) => handle(context.req.raw));
    return Promise.resolve({
      baseUrl: `http://localhost${options.basePath ?? ''}`,
      async fetch(url, init) {
        const response = await app.fetch(new Request(url, init));
        // As over a connection: who has left gets no answer.
        init?.signal?.throwIfAborted();
        return response;
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  },
};

/** Servers on loopback, called by Node's own `fetch`. */
const SERVED: readonly Mount[] = HOSTS.map(({ name, listen }) => ({
  name,
  isAdapter: true,
  async start(pipeline, options = {}) {
    const hosted = await listen(pipeline, options);
    return {
      baseUrl: `${hosted.url}${options.basePath ?? ''}`,
      fetch: (url, init) => fetch(url, init),
      async [Symbol.asyncDispose]() {
        await hosted[Symbol.asyncDispose]();
        if (hosted.errors.length > 0) throw new AggregateError(hosted.errors, `${name} was given errors`);
      },
    };
  },
}));

/** Every way to call a pipeline. */
export const MOUNTS: readonly Mount[] = [FETCH, ...SERVED, HONO];
