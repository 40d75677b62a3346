import type { DependencyContainer } from 'tsyringe';
import { Call } from './call.ts';
import { compile, type Link, type Step } from './chain.ts';
import { CLOCK, type Clock } from './clock.ts';
import { describePipeline, type PipelineDescription } from './describe.ts';
import { deliver, refusal } from './edge.ts';
import { PipelineError } from './errors.ts';
import { pipelineFetch } from './fetch.ts';
import { errorFormatFor, FORMATS } from './format/formats.ts';
import type { Format } from './format/format.ts';
import { DEFAULT_JSON_LIMITS, inspectJson, type JsonLimits } from './json/inspect.ts';
import { Lifecycle } from './lifecycle.ts';
import { checkPipelineOptions, upstreamUrl } from './options.ts';
import { checkOrder } from './order.ts';
import type { Plugin } from './plugin.ts';
import { RANDOM, type Random } from './random.ts';
import type { ApiRequest } from './request.ts';
import { assembleServices, provide, type Provision } from './services.ts';
import type { State } from './state.ts';
import { DEFAULT_TIMEOUTS, type Timeouts } from './transport/timeouts.ts';
import { TRANSPORT, type Transport } from './transport/transport.ts';
import { type TransportOptions, UndiciTransport } from './transport/undici-transport.ts';

/** What a pipeline is made of. */
export interface PipelineOptions {
  /** Base URL of the provider, for example `https://api.anthropic.com`. `https:` unless it is loopback. */
  readonly upstream: string;
  /** Outermost first. Order and names are checked. Default: none, and every call passes straight through. */
  readonly plugins?: readonly Plugin[];
  /** Services that replace the embedded defaults; see `provide`. */
  readonly services?: readonly Provision[];
  /** A tsyringe container whose registrations are used for services that `services` does not name. */
  readonly container?: DependencyContainer;
  /** Formats beside the built-in ones, asked first. */
  readonly formats?: readonly Format[];
  /** The clocks of a call. */
  readonly timeouts?: Partial<Timeouts>;
  /** The undici transport's own options. */
  readonly transport?: TransportOptions;
  /** Caps on JSON request bodies of a known format. */
  readonly jsonLimits?: Partial<JsonLimits>;
  /** Calls in progress beyond this are refused with 503 `overloaded`. Default 4 096. */
  readonly maxConcurrentCalls?: number;
}

/** A call as a mount hands it over. */
export interface InboundRequest {
  /** Upper-case HTTP method. */
  readonly method: string;
  /** Path and query, in origin form: it begins with a single slash. */
  readonly target: string;
  /** Lower-case names, one value each. */
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body, or null. */
  readonly body: Uint8Array<ArrayBuffer> | null;
  /** Aborts when the caller leaves. */
  readonly signal?: AbortSignal;
  /**
   * In place of `signal`: a controller that becomes the call's own, for a mount that makes one per call anyway. Abort
   * it with a `PipelineError` as the reason. Linking two signals would cost more than the rest of the call's set-up.
   */
  readonly controller?: AbortController;
}

/** Plugins in order and a transport; immutable once made. */
export interface Pipeline extends AsyncDisposable {
  /**
   * Drop-in for `fetch`: `new Anthropic({ fetch: pipeline.fetch })`. Path and query of the URL are kept, its origin is
   * replaced by `upstream`, so that no request can choose where it goes. Rejects only when the caller's own signal
   * aborts; every other failure is a response in the caller's dialect.
   */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /**
   * Runs one call. For adapters; applications use {@link Pipeline.fetch}.
   *
   * @param seed Sets state before the first plugin runs, the principal for instance.
   * @throws PipelineError `client_abort` when the caller's signal aborts before there is an answer.
   */
  handle(request: InboundRequest, seed?: (state: State) => void): Promise<Response>;
  /** An error as an answer in the caller's dialect, for what a mount refuses before there is a call. */
  refuse(error: PipelineError, inbound: Pick<InboundRequest, 'method' | 'target' | 'headers'>): Response;
  /** The pipeline's clock, for the waits of a mount. */
  readonly clock: Clock;
  /** The chain as it was assembled, as data and without secrets. */
  describe(): PipelineDescription;
  /** Starts services and plugins, in order. The first call does it too; call it yourself to fail early. */
  start(): Promise<void>;
  /**
   * Refuses new calls with 503 and waits for those in progress; after `timeoutMs` (default 30 000) the rest are
   * aborted with the outcome `shutdown`.
   */
  drain(timeoutMs?: number): Promise<void>;
  /** Drains, then closes plugins, services and transport in reverse order. Harmless when repeated. */
  close(timeoutMs?: number): Promise<void>;
}

/**
 * Assembles a pipeline. Needs no server and opens no connection.
 *
 * @throws TypeError One sentence that says what to do: a wrong order, a missing or circular service, an unknown or
 *   impossible option.
 */
export function createPipeline(options: PipelineOptions): Pipeline {
  checkPipelineOptions(options);
  const { plugins = [], services = [], maxConcurrentCalls = 4_096 } = options;
  const upstream = upstreamUrl(options.upstream, options.transport?.allowInsecureUpstream === true);
  const timeouts: Timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  const jsonLimits: JsonLimits = { ...DEFAULT_JSON_LIMITS, ...options.jsonLimits };
  const formats = [...(options.formats ?? []), ...FORMATS];

  checkOrder(plugins);
  const validated = plugins.map((plugin) => ({ plugin, options: plugin.validate() }));
  const embeddedTransport = provide(
    TRANSPORT,
    ({ clock }): Transport => new UndiciTransport(clock, options.transport, timeouts),
    { clock: CLOCK },
  );
  const wanted = new Map([
    ['the pipeline', { clock: CLOCK, random: RANDOM, transport: TRANSPORT }],
    ...plugins.map(({ name, needs }) => [name, needs] as const),
  ]);
  const hasTransport = options.container?.isRegistered(TRANSPORT, true) === true;
  const assembled = assembleServices(
    wanted,
    hasTransport ? services : [embeddedTransport, ...services],
    options.container,
  );
  const { clock, random, transport } = assembled.resolve({ clock: CLOCK, random: RANDOM, transport: TRANSPORT });

  const instances = validated.map(({ plugin, options: own }) => ({
    plugin,
    instance: plugin.create(own as never, assembled.resolve(plugin.needs) as never),
  }));
  const links: Link[] = instances.map(({ plugin, instance }) => ({
    name: plugin.name,
    onError: plugin.onError,
    handle: (request, next, ctx) => instance.handle(request, next, ctx),
  }));
  const chain = compile(links, (request, ctx) => {
    (ctx as Call).attempts++;
    return transport.send(request, ctx);
  });

  const lifecycle = new Lifecycle({
    clock,
    transport,
    // Services were made dependencies first and are needed by plugins: they start before and close after them.
    parts: [...assembled.owned.filter((service) => service !== transport), ...instances.map((one) => one.instance)],
  });
  const description = describePipeline(upstream, validated, assembled.described, formats, timeouts);
  const runner = { chain, clock, random, formats, upstream, timeouts, jsonLimits, maxConcurrentCalls, lifecycle };
  const handle: Pipeline['handle'] = (request, seed) => run(runner, request, seed);
  return {
    fetch: pipelineFetch(handle),
    handle,
    refuse: (error, inbound) =>
      refusal(error, random.uuid(), errorFormatFor({ ...inbound, url: upstream + inbound.target }, formatOf(formats, inbound))),
    clock,
    describe: () => description,
    start: () => lifecycle.start(),
    drain: (timeoutMs) => lifecycle.drain(timeoutMs),
    close: (timeoutMs) => lifecycle.close(timeoutMs),
    [Symbol.asyncDispose]: () => lifecycle.close(),
  };
}

interface Runner {
  readonly chain: Step;
  readonly clock: Clock;
  readonly random: Random;
  readonly formats: readonly Format[];
  readonly upstream: string;
  readonly timeouts: Timeouts;
  readonly jsonLimits: JsonLimits;
  readonly maxConcurrentCalls: number;
  readonly lifecycle: Lifecycle;
}

/** The life of a call: admitted, taken through the chain, delivered or refused. */
async function run(runner: Runner, inbound: InboundRequest, seed?: (state: State) => void): Promise<Response> {
  const { lifecycle, timeouts } = runner;
  const format = formatOf(runner.formats, inbound);
  let facts = { streamed: false };
  let objection: unknown;
  try {
    if (format !== undefined && inbound.body !== null) facts = inspectJson(inbound.body, runner.jsonLimits);
  } catch (error) {
    objection = error;
  }
  const call = new Call({
    clock: runner.clock,
    random: runner.random,
    format,
    streamed: facts.streamed,
    totalMs: facts.streamed ? timeouts.streamedTotalMs : timeouts.totalMs,
    signal: inbound.signal,
    controller: inbound.controller,
    onEnd: lifecycle.callEnded,
  });
  try {
    if (objection !== undefined) throw objection;
    if (!lifecycle.started) await lifecycle.start();
    lifecycle.callStarted(call, runner.maxConcurrentCalls);
    seed?.(call);
    const request: ApiRequest = {
      method: inbound.method,
      url: runner.upstream + inbound.target,
      headers: inbound.headers,
      body: inbound.body,
      signal: call.signal,
    };
    return deliver(await runner.chain(request, call), call);
  } catch (error) {
    const known = PipelineError.is(error) ? error : new PipelineError('internal', { cause: error });
    call.end(known.outcome, known.status, undefined, known);
    if (known.code === 'client_abort') throw known;
    return refusal(known, call.id, errorFormatFor({ ...inbound, url: runner.upstream + inbound.target }, format));
  }
}

function formatOf(formats: readonly Format[], { method, target }: Pick<InboundRequest, 'method' | 'target'>): Format | undefined {
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  return formats.find((format) => format.matches(method, path));
}
