import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { CLOCK, type Clock } from '../clock.ts';
import { embeddedDefault } from '../token.ts';
import type { Api } from './fake-upstream/api/api.ts';
import {
  BehaviourChooser,
  type BehaviourInput,
  type Script,
} from './fake-upstream/behaviours/choose-behaviour.ts';
import { Connection } from './fake-upstream/connection.ts';
import { DEFAULT_MODELS } from './fake-upstream/api/models.ts';
import { RecordedRequest } from './fake-upstream/recorded-request.ts';
import { RequestLog } from './fake-upstream/request-log.ts';
import { serve } from './fake-upstream/serve.ts';

/** How a fake upstream is set up; everything has a default. */
export interface FakeUpstreamOptions {
  /** Default: 0, any free port. */
  readonly port?: number;
  /** Default: `127.0.0.1`. */
  readonly host?: string;
  /** Milliseconds between the events of a stream. Default: 0, as fast as separate writes go. */
  readonly tokenDelayMs?: number;
  /** Answer 401 to requests that have neither `x-api-key` nor `Authorization: Bearer`. Default: false. */
  readonly requireKey?: boolean;
  /** The models there are; requests for others get 404. Default: some are listed and all are accepted. */
  readonly models?: readonly string[];
  /** How many of the last requests are recorded. Default: 1,000. */
  readonly keepRequests?: number;
  /** Where delays come from. Default: real time. */
  readonly clock?: Clock;
}

/** A provider's API on a real socket, which does to each request what it is told. */
export interface FakeUpstream extends AsyncDisposable {
  /** For instance `http://127.0.0.1:40123`, without a final slash. */
  readonly url: string;
  /** The port it listens on. */
  readonly port: number;
  /** The last requests, oldest first; each is here as soon as its head has arrived. */
  readonly requests: readonly RecordedRequest[];
  /** How many connections were opened since the start or the last `reset()`. */
  readonly connections: number;
  /** How many responses are in progress. */
  readonly openStreams: number;
  /** Queues behaviours for the next requests, in order of arrival; after them, answers are ordinary again. */
  reply(...behaviours: readonly BehaviourInput[]): void;
  /** Decides by a function what is done with requests for which nothing is queued. Undefined removes it. */
  script(decide: Script | undefined): void;
  /** Resolves with the `n`th request (default: the next one) once it has arrived whole, or as far as it will. */
  request(n?: number): Promise<RecordedRequest>;
  /** Forgets what was queued, scripted, recorded, counted and stored. Connections and open responses live on. */
  reset(): void;
  /** Destroys all connections and stops listening. May be called again. */
  close(): Promise<void>;
}

/**
 * Starts a fake provider: an HTTP server that speaks the Messages API and OpenAI's, answers with an echo, and does, for
 * any request, any fault one asks of it, by {@link FakeUpstream.reply}, by {@link FakeUpstream.script}, or by a request
 * header: `x-fake-upstream: reset-mid-stream; afterEvents=3`. The behaviours are listed in TESTING.md.
 */
export async function fakeUpstream(options: FakeUpstreamOptions = {}): Promise<FakeUpstream> {
  const clock = options.clock ?? (embeddedDefault(CLOCK)?.create({}) as Clock);
  const chooser = new BehaviourChooser();
  const log = new RequestLog(options.keepRequests ?? 1000);
  const sockets = new Map<Socket, Connection>();
  const open = new Set<Promise<void>>();
  let opened = 0;
  let openedBeforeReset = 0;
  let url = '';

  const api: Api = {
    requireKey: options.requireKey ?? false,
    models: options.models ?? DEFAULT_MODELS,
    onlyModels: options.models !== undefined,
    tokenDelayMs: options.tokenDelayMs ?? 0,
    batches: new Map(),
    openaiBatches: new Map(),
    files: new Map(),
    origin: () => url,
  };

  const connectionOf = (socket: Socket): Connection => {
    const known = sockets.get(socket);
    if (known) return known;
    const connection = new Connection(++opened, socket);
    sockets.set(socket, connection);
    connection.onLost(() => sockets.delete(socket));
    return connection;
  };

  const server = createServer((incoming: IncomingMessage, response: ServerResponse) => {
    const connection = connectionOf(incoming.socket);
    const request = new RecordedRequest(incoming, log.count + 1, connection.id, clock.wallTime());
    log.add(request);
    const served = serve({ incoming, response, request, connection, chooser, log, api, clock }).then(
      (end) => {
        // First, so that who awaits `closed` finds the response no longer counted.
        open.delete(served);
        request.settleClosed(end, clock.wallTime());
      },
    );
    open.add(served);
  });
  // Only behaviours end connections here: Node's own time limits would look like one.
  server.keepAliveTimeout = 0;
  server.headersTimeout = 0;
  server.requestTimeout = 0;
  server.on('connection', connectionOf);

  server.listen(options.port ?? 0, options.host ?? '127.0.0.1');
  await once(server, 'listening');
  const { address, port, family } = server.address() as AddressInfo;
  url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;

  let closed: Promise<unknown> | undefined;
  const close = async (): Promise<void> => {
    closed ??= new Promise((done) => server.close(done));
    for (const socket of sockets.keys()) socket.destroy();
    await Promise.all([closed, ...open]);
  };

  return {
    url,
    port,
    get requests() {
      return log.requests;
    },
    get connections() {
      return opened - openedBeforeReset;
    },
    get openStreams() {
      return open.size;
    },
    reply: (...behaviours) => {
      chooser.queue(behaviours);
    },
    script: (decide) => {
      chooser.setScript(decide);
    },
    async request(n = log.count + 1) {
      const request = await log.nth(n);
      await request.received;
      return request;
    },
    reset() {
      chooser.reset();
      log.reset();
      api.batches.clear();
      api.openaiBatches.clear();
      api.files.clear();
      openedBeforeReset = opened;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
