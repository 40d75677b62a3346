import { compile, type Link } from './chain.ts';
import { CLOCK, type Clock } from './clock.ts';
import { describePipeline, type PipelineDescription } from './describe.ts';
import type { PipelineError } from './errors.ts';
import { type PipelineFetch, pipelineFetch } from './fetch.ts';
import { FORMATS } from './format/formats.ts';
import { inspectPlugins, type PluginInspection } from './inspect.ts';
import { DEFAULT_JSON_LIMITS, type JsonLimits } from './json/inspect.ts';
import { Lifecycle } from './lifecycle.ts';
import { checkPipelineOptions, type PipelineOptions, upstreamUrl } from './options.ts';
import { checkOrder } from './order.ts';
import { RANDOM } from './random.ts';
import type { InboundRequest } from './request.ts';
import { type RefusedRequest, Runner } from './run.ts';
import { sending } from './sending.ts';
import { assembleServices, provide } from './services.ts';
import type { State } from './state.ts';
import { DEFAULT_TIMEOUTS, type Timeouts } from './transport/timeouts.ts';
import { TRANSPORT, type Transport, UPSTREAM } from './transport/transport.ts';
import { UndiciTransport } from './transport/undici-transport.ts';

/** Plugins in order and a transport; immutable once made. */
export interface Pipeline extends AsyncDisposable {
  /**
   * Drop-in for `fetch`: `new Anthropic({ fetch: pipeline.fetch })`. Path and query of the URL are kept, its origin is
   * replaced by `upstream`, so that no request can choose where it goes. Rejects only when the caller's own signal
   * aborts; every other failure is a response in the caller's dialect.
   */
  readonly fetch: PipelineFetch;
  /**
   * Runs one call. For adapters; applications use {@link Pipeline.fetch}.
   *
   * @param seed Sets state before the first plugin runs, the principal for instance.
   * @throws PipelineError `client_abort` when the caller's signal aborts before there is an answer.
   */
  handle(request: InboundRequest, seed?: (state: State) => void): Promise<Response>;
  /** An error as an answer in the caller's dialect, for what a mount refuses before there is a call. */
  refuse(error: PipelineError, inbound: RefusedRequest): Response;
  /** The pipeline's clock, for the waits of a mount. */
  readonly clock: Clock;
  /** The chain as it was assembled, as data and without secrets. */
  describe(): PipelineDescription;
  /** What each plugin knows now, outermost first, as data and without secrets; empty for those that do not say. */
  inspect(): readonly PluginInspection[];
  /**
   * Starts services and plugins, in order. The first call does it too; call it yourself to fail early.
   *
   * @throws PipelineError `shutting_down` once the pipeline is closed.
   */
  start(): Promise<void>;
  /**
   * Refuses new calls with 503 and waits for those in progress; after `timeoutMs` (default 30 000) the rest are
   * aborted with the outcome `shutdown`.
   */
  drain(timeoutMs?: number): Promise<void>;
  /**
   * Drains, then closes plugins, services and transport in reverse order. Harmless when repeated. A start that is under
   * way is waited for, at most 5 s.
   */
  close(timeoutMs?: number): Promise<void>;
}

/**
 * Assembles a pipeline. Needs no server and opens no connection.
 *
 * @throws TypeError One sentence that says what to do: a wrong order, a missing or circular service, an unknown or
 *   impossible option.
 */
export function createPipeline(given: PipelineOptions): Pipeline {
  const options = checkPipelineOptions(given);
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
  const assembled = assembleServices(wanted, services, options.container, [
    embeddedTransport,
    provide(UPSTREAM, () => upstream),
  ]);
  const { clock, random, transport } = assembled.resolve({
    clock: CLOCK,
    random: RANDOM,
    transport: TRANSPORT,
  });

  const instances = validated.map(({ plugin, options: own }) => ({
    plugin,
    instance: plugin.create(own as never, assembled.resolve(plugin.needs) as never),
  }));
  const links: Link[] = instances.map(({ plugin, instance }) => ({
    name: plugin.name,
    onError: plugin.onError,
    handle: (request, next, ctx) => instance.handle(request, next, ctx),
  }));
  const chain = compile(links, sending(transport));

  const lifecycle = new Lifecycle({
    clock,
    // Services were made dependencies first and are needed by plugins: they start before and close after them.
    parts: [...assembled.owned, ...instances.map((one) => one.instance)],
  });
  const description = describePipeline(upstream, validated, assembled.described, formats, timeouts);
  const runner = new Runner({
    chain,
    clock,
    random,
    formats,
    upstream,
    timeouts,
    jsonLimits,
    maxConcurrentCalls,
    lifecycle,
  });
  const handle: Pipeline['handle'] = (request, seed) => runner.handle(request, seed);
  return {
    fetch: pipelineFetch(handle),
    handle,
    refuse: (error, inbound) => runner.refuse(error, inbound),
    clock,
    describe: () => description,
    inspect: () => inspectPlugins(instances),
    start: () => lifecycle.start(),
    drain: (timeoutMs) => lifecycle.drain(timeoutMs),
    close: (timeoutMs) => lifecycle.close(timeoutMs),
    [Symbol.asyncDispose]: () => lifecycle.close(),
  };
}
