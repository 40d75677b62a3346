import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline as pipe } from 'node:stream/promises';
import { mount as expressMount } from '@sluice/adapters/express';
import { mount as koaMount } from '@sluice/adapters/koa';
import { mount as nodeMount, type MountOptions } from '@sluice/adapters/node';
import { mount as webMount } from '@sluice/adapters/web';
import type { Pipeline, Principal } from '@sluice/core';
import express5 from 'express';
// @ts-expect-error -- an alias, which has no types of its own.
import express4 from 'express4';
import Koa3 from 'koa';
// @ts-expect-error -- an alias, which has no types of its own.
import Koa2 from 'koa2';

/** Middleware in the words of node:http, which every framework understands. */
export type Before = (req: IncomingMessage, res: ServerResponse) => void | Promise<void>;

/** How a pipeline is hosted. */
export interface HostOptions extends Omit<MountOptions<never>, 'identify'> {
  /** Runs before the mount. Default: nothing does. */
  readonly before?: Before;
  /** Names the caller. Default: nobody does. */
  readonly identify?: () => Promise<Principal | undefined>;
  /** A Unix socket to listen on. Default: a loopback port. */
  readonly socketPath?: string;
}

/** A server that hosts a pipeline. */
export interface Hosted extends AsyncDisposable {
  /** For instance `http://127.0.0.1:40123`, without a final slash; of a Unix socket its path. */
  readonly url: string;
  readonly server: Server;
  /** What reached the framework's own error handling; ends empty, or something has leaked there. */
  readonly errors: unknown[];
}

/** A framework that can host a pipeline. */
export interface Host {
  readonly name: string;
  listen(pipeline: Pipeline, options?: HostOptions): Promise<Hosted>;
}

type Handler = (req: IncomingMessage, res: ServerResponse) => unknown;
type Build = (
  pipeline: Pipeline,
  options: Omit<HostOptions, 'before' | 'socketPath'>,
  before: Before | undefined,
  errors: unknown[],
) => Handler;

/** The host application's own answer to what the mount leaves to it. */
export const HOST_ANSWER = 'the host application';

const node: Build = (pipeline, options, before) => {
  const handle = nodeMount(pipeline, options);
  return async (req, res) => {
    await before?.(req, res);
    if (!(await handle(req, res))) res.end(HOST_ANSWER);
  };
};

const express =
  (create: typeof express5): Build =>
  (pipeline, options, before, errors) => {
    const app = create();
    if (before !== undefined) {
      app.use((req, res, next) => {
        void Promise.resolve(before(req, res)).then(() => {
          next();
        });
      });
    }
    app.use(expressMount(pipeline, options));
    app.use((_req: IncomingMessage, res: ServerResponse) => res.end(HOST_ANSWER));
    // Express tells an error handler by its four parameters.
    app.use((error: unknown, _req: IncomingMessage, res: ServerResponse, _next: unknown) => {
      errors.push(error);
      res.destroy();
    });
    return app;
  };

const koa =
  (Application: typeof Koa3): Build =>
  (pipeline, options, before, errors) => {
    const app = new Application();
    app.on('error', (error) => errors.push(error));
    if (before !== undefined) {
      app.use(async (ctx, next) => {
        await before(ctx.req, ctx.res);
        await next();
      });
    }
    app.use(koaMount(pipeline, options));
    app.use((ctx) => {
      ctx.body = HOST_ANSWER;
    });
    return app.callback();
  };

/** What a web framework's server for Node does. */
const web: Build = (pipeline, options, before, errors) => {
  const handle = webMount(pipeline, options);
  return async (req, res) => {
    await before?.(req, res);
    if (res.destroyed) return;
    const controller = new AbortController();
    res.on('close', () => {
      if (!res.writableFinished) controller.abort();
    });
    const headers = new Headers();
    for (let i = 0; i < req.rawHeaders.length; i += 2) {
      headers.append(req.rawHeaders[i] as string, req.rawHeaders[i + 1] as string);
    }
    const hasBody = req.method !== 'GET' && req.method !== 'HEAD';
    const request = new Request(`http://localhost${req.url}`, {
      method: req.method as string,
      headers,
      body: hasBody ? (Readable.toWeb(req) as ReadableStream) : null,
      duplex: 'half',
      signal: controller.signal,
    });
    const response = await handle(request).catch((error: unknown) => {
      errors.push(error);
      return Response.error();
    });
    res.writeHead(response.status, Object.fromEntries(response.headers));
    res.flushHeaders();
    if (response.body === null) res.end();
    else await pipe(Readable.fromWeb(response.body as never), res).catch(() => undefined);
  };
};

const host = (name: string, build: Build): Host => ({
  name,
  async listen(pipeline, { before, socketPath, ...options } = {}) {
    const errors: unknown[] = [];
    const handler = build(pipeline, options, before, errors);
    const server = createServer((req, res) => void handler(req, res));
    if (socketPath === undefined) server.listen(0, '127.0.0.1');
    else server.listen(socketPath);
    await once(server, 'listening');
    const url = socketPath ?? `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return {
      url,
      server,
      errors,
      async [Symbol.asyncDispose]() {
        const closed = once(server, 'close');
        server.close();
        server.closeAllConnections();
        await closed;
      },
    };
  },
});

/** Every host whose sockets the mount itself writes to. */
export const NODE_HOSTS: readonly Host[] = [
  host('node:http', node),
  host('Express 4', express(express4 as typeof express5)),
  host('Express 5', express(express5)),
  host('Koa 2', koa(Koa2 as typeof Koa3)),
  host('Koa 3', koa(Koa3)),
];

/** Every host. */
export const HOSTS: readonly Host[] = [...NODE_HOSTS, host('a web server', web)];
