import { isPlugin } from './is-plugin.ts';
import type { OptionName, StandardOptions } from './options.ts';

/** What is wrong with a value, as the rest of a sentence. */
type Check = (value: unknown) => string | undefined;

/** `createPipeline` checks it, or the plugin whose option it is. */
const elsewhere: Check = () => undefined;

const defaulted: Check = (value) => {
  if (typeof value === 'function') return 'is a function; call it, or give its options';
  return typeof value === 'boolean' || isObject(value)
    ? undefined
    : 'must be its options, a plugin, true or false';
};
const part: Check = (value) =>
  value === true ? 'has no defaults; give it options in the place of true' : defaulted(value);

const CHECKS: Readonly<Record<OptionName, Check>> = {
  upstream: elsewhere,
  endpoints: elsewhere,
  audit: defaulted,
  identity: defaulted,
  labels: defaulted,
  moderation: part,
  cache: defaulted,
  rateLimit: part,
  retry: defaulted,
  regionRouting: defaulted,
  circuitBreaker: defaulted,
  credentials: part,
  redis: (value) =>
    isObject(value) && ['callBuffer', 'defineCommand', 'hget'].every((name) => name in value)
      ? undefined
      : 'must be a client or Cluster of ioredis; make one with new Redis(url, { ...REDIS_SETTINGS })',
  redisPrefix: (value) =>
    typeof value === 'string' && value !== '' ? undefined : 'must be text, for example "sluice:"',
  arrange: (value) =>
    typeof value === 'function' ? undefined : 'must be a function, (plugins) => [mine(), ...plugins]',
  services: (value) => (Array.isArray(value) ? undefined : 'must be a list'),
  container: elsewhere,
  formats: elsewhere,
  timeouts: elsewhere,
  transport: elsewhere,
  jsonLimits: elsewhere,
  maxConcurrentCalls: elsewhere,
};

/**
 * Checks what neither `createPipeline` nor a plugin can know, and leaves out what is `undefined`.
 *
 * @throws TypeError One sentence that says what to do.
 */
export function checkOptions(given: unknown): StandardOptions {
  if (!isObject(given) || Array.isArray(given))
    throw problem('takes its options as an object, { upstream: "https://api.anthropic.com" }', ' ');
  const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(CHECKS, name))
      throw problem(`there is no option "${name}"; there are ${Object.keys(CHECKS).join(', ')}`);
    const wrong = CHECKS[name as OptionName](value);
    if (wrong !== undefined) throw problem(`option "${name}" ${wrong}`);
  }
  const wrong = contradiction(options);
  if (wrong !== undefined) throw problem(wrong);
  return options as unknown as StandardOptions;
}

/** A sentence of this package's own. */
export function problem(what: string, separator = ': '): TypeError {
  return new TypeError(`standardPipeline${separator}${what}.`);
}

/** What is wrong with the options together. */
function contradiction(options: Readonly<Record<string, unknown>>): string | undefined {
  const { upstream, endpoints, regionRouting, retry, redis, redisPrefix } = options;
  if ((upstream === undefined) === (endpoints === undefined)) {
    return upstream === undefined
      ? 'says nowhere to send calls to; give it upstream: "https://api.anthropic.com", or endpoints'
      : 'take "upstream" for one place or "endpoints" for several, and not both';
  }
  const routed = isPlugin(regionRouting);
  if (upstream !== undefined && !routed) {
    if (regionRouting !== undefined && regionRouting !== false)
      return 'option "regionRouting" has nothing to route among; give "endpoints" in the place of "upstream"';
    if (isObject(retry) && retry['hedge'] !== undefined)
      return 'option "retry.hedge" sends to another endpoint, and there is one "upstream"; give "endpoints" in its place';
  }
  if (endpoints !== undefined && (routed || regionRouting === false))
    return 'option "endpoints" is for the routing of this package; give "upstream" beside a "regionRouting" of your own, or without one';
  if (redis === undefined && redisPrefix !== undefined)
    return 'option "redisPrefix" is of no use without "redis"; add a client, or remove it';
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
