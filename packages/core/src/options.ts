import type { DependencyContainer } from 'tsyringe';
import * as v from 'valibot';
import type { Format } from './format/format.ts';
import type { JsonLimits } from './json/inspect.ts';
import type { Plugin } from './plugin.ts';
import type { Provision } from './services.ts';
import type { Timeouts } from './transport/timeouts.ts';
import { assertSecure, type TransportOptions } from './transport/undici-transport.ts';
import { validateOptions } from './validate-options.ts';

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

const positiveMs = v.exactOptional(
  v.pipe(v.number('must be a number of milliseconds'), v.minValue(1, 'must be at least 1')),
);
const positive = v.exactOptional(
  v.pipe(
    v.number('must be a number'),
    v.integer('must be a whole number'),
    v.minValue(1, 'must be at least 1'),
  ),
);

const schema = v.strictObject({
  upstream: v.string('must be a URL, for example "https://api.anthropic.com"'),
  plugins: v.exactOptional(
    v.array(
      v.custom(
        isPlugin,
        'is no plugin; call the factory, retry() and not retry, or make one with definePlugin',
      ),
      'must be a list',
    ),
  ),
  services: v.exactOptional(
    v.array(v.custom(isProvision, 'is no service; make it with provide(TOKEN, create)'), 'must be a list'),
  ),
  container: v.exactOptional(v.custom(isContainer, 'must be a tsyringe container')),
  formats: v.exactOptional(v.array(v.custom(isFormat, 'is no format'), 'must be a list')),
  timeouts: v.exactOptional(
    v.strictObject({
      connectMs: positiveMs,
      firstEventMs: positiveMs,
      idleMs: positiveMs,
      totalMs: positiveMs,
      streamedTotalMs: positiveMs,
    }),
  ),
  transport: v.exactOptional(
    v.strictObject({
      connections: positive,
      keepAliveMs: positiveMs,
      maxLineBytes: positive,
      maxEventBytes: positive,
      maxAnswerBytes: positive,
      proxy: v.exactOptional(
        v.pipe(
          v.custom<string>(isWebUrl, 'must be an http: or https: URL'),
          v.check(
            hasReadableCredentials,
            'must hold its user and password percent-encoded: a % itself is %25',
          ),
        ),
      ),
      ca: v.exactOptional(v.union([v.string(), v.array(v.string())], 'must be PEM text or a list of it')),
      allowInsecureUpstream: v.exactOptional(v.boolean('must be true or false')),
    }),
  ),
  jsonLimits: v.exactOptional(v.strictObject({ maxDepth: positive, maxNodes: positive })),
  maxConcurrentCalls: positive,
});

/**
 * Checks a pipeline's own options.
 *
 * @returns The same, without what is undefined.
 * @throws TypeError One sentence that says what to do.
 */
export function checkPipelineOptions(options: PipelineOptions): PipelineOptions {
  return validateOptions('createPipeline', schema, options) as PipelineOptions;
}

/**
 * The upstream's base URL, without a slash at its end.
 *
 * @throws TypeError When it is no URL, carries credentials or would send keys in clear.
 */
export function upstreamUrl(upstream: string, allowInsecure: boolean): string {
  const url = URL.parse(upstream);
  if (url === null)
    throw new TypeError(
      'createPipeline: option "upstream" is no URL; write it like "https://api.anthropic.com".',
    );
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new TypeError('createPipeline: option "upstream" must hold no credentials, query or fragment.');
  }
  try {
    assertSecure(url.origin, allowInsecure && isWebUrl(upstream));
  } catch {
    throw new TypeError(
      'createPipeline: option "upstream" must be https: unless it is loopback; set transport.allowInsecureUpstream to send keys and prompts in clear.',
    );
  }
  return url.origin + url.pathname.replace(/\/+$/, '');
}

function isWebUrl(value: unknown): boolean {
  return /^https?:$/.test(URL.parse(String(value))?.protocol ?? '');
}

function hasReadableCredentials(url: string): boolean {
  const { username, password } = new URL(url);
  try {
    decodeURIComponent(username);
    decodeURIComponent(password);
    return true;
  } catch {
    return false;
  }
}

function isPlugin(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'validate' in value && 'create' in value;
}

function isFormat(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && 'matches' in value && 'kind' in value && 'name' in value
  );
}

function isProvision(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'token' in value &&
    typeof value.token === 'symbol' &&
    'recipe' in value
  );
}

function isContainer(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'resolve' in value && 'isRegistered' in value;
}
