import { createRequire } from 'node:module';

// Not a dependency of the repository: `bench.ts` installs it next to this, and only when it is asked for.
const requirePeer = createRequire(new URL('../peers/reply-from/package.json', import.meta.url));

interface FastifyReply {
  from(): FastifyReply;
}

interface Fastify {
  register(plugin: unknown, options: object): void;
  removeAllContentTypeParsers(): void;
  addContentTypeParser(type: string, parse: (request: unknown, body: unknown, done: Done) => void): void;
  all(path: string, handler: (request: unknown, reply: FastifyReply) => void): void;
  listen(options: { readonly port: number; readonly host: string }): Promise<string>;
}

type Done = (error: Error | null, body: unknown) => void;

/** `@fastify/reply-from`, set up the way `@fastify/http-proxy` does it: the request body passes as a stream. */
export async function start(upstreamUrl: string): Promise<number> {
  const fastify = requirePeer('fastify') as (options: object) => Fastify;
  const app = fastify({ logger: false });
  app.register(requirePeer('@fastify/reply-from'), { base: upstreamUrl, disableRequestLogging: true });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, body, done) => {
    done(null, body);
  });
  app.all('/*', (_request, reply) => {
    reply.from();
  });
  return Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port);
}
