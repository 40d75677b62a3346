import type { Format } from './format/format.ts';
import type { Plugin } from './plugin.ts';
import type { ServiceSource } from './services.ts';
import { type Token, tokenName } from './token.ts';
import type { Timeouts } from './transport/timeouts.ts';

/** A pipeline as data, without secrets; what an inspector page or a test looks at. */
export interface PipelineDescription {
  /** Base URL of the provider. */
  readonly upstream: string;
  /** Outermost first. */
  readonly plugins: readonly PluginDescription[];
  /** Services and where each came from. */
  readonly services: readonly { readonly name: string; readonly source: ServiceSource }[];
  /** Names of the known formats, in the order in which they are asked. */
  readonly formats: readonly string[];
  /** The clocks of a call, in milliseconds. */
  readonly timeouts: Timeouts;
}

/** One plugin of a {@link PipelineDescription}. */
export interface PluginDescription {
  /** Unique within the pipeline. */
  readonly name: string;
  /** What happens to a call when the plugin itself fails. */
  readonly onError: 'open' | 'closed';
  /** Names of the services it uses. */
  readonly needs: readonly string[];
  /** Its options with defaults filled in; secrets and functions are named, not shown. */
  readonly options: unknown;
}

/** Describes a pipeline at its assembly. */
export function describePipeline(
  upstream: string,
  plugins: readonly { readonly plugin: Plugin; readonly options: unknown }[],
  services: PipelineDescription['services'],
  formats: readonly Format[],
  timeouts: Timeouts,
): PipelineDescription {
  return {
    upstream,
    plugins: plugins.map(({ plugin, options }) => ({
      name: plugin.name,
      onError: plugin.onError,
      needs: Object.values(plugin.needs).map((need: Token<unknown>) => tokenName(need)),
      options: redacted(options),
    })),
    services,
    formats: formats.map(({ name }) => name),
    timeouts,
  };
}

const SECRET_NAME = /key|secret|token|password|passphrase|credential|authorization|cookie/i;
/** Keys of the providers, whatever the option is called. */
const SECRET_VALUE = /\b(?:sk|pk|rk)-[\w-]{8,}/;
const MAX_DEPTH = 8;
/** A longer list is data, such as ten thousand words that nobody should read here. */
const MAX_LIST = 256;

/** Plain data without secrets, which are named in their places. */
export function redacted(value: unknown, secret = false, depth = 0): unknown {
  if (typeof value === 'function') return '[function]';
  if (typeof value === 'string') return redactedText(value, secret);
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? String(value) : value;
  if (depth > MAX_DEPTH) return '[deep]';
  if (Array.isArray(value)) {
    if (value.length > MAX_LIST) return `[${value.length} items]`;
    return value.map((item) => redacted(item, secret, depth + 1));
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return `[${classOf(value)}]`;
  const entries = Object.entries(value);
  return Object.fromEntries(
    entries.map(([key, item]) => [
      redactedText(key, false),
      redacted(item, secret || SECRET_NAME.test(key), depth + 1),
    ]),
  );
}

function redactedText(text: string, secret: boolean): string {
  if (secret || SECRET_VALUE.test(text)) return '[secret]';
  return text.replaceAll(/\/\/[^/@\s]*@/g, '//[secret]@');
}

function classOf(value: object): string {
  const { constructor } = value as { constructor?: unknown };
  return typeof constructor === 'function' ? constructor.name : 'object';
}
