import type { Context } from './context.ts';
import type { ApiRequest } from './request.ts';
import type { Needs, Resolved } from './token.ts';
import { validateOptions } from './validate-options.ts';

/** The rest of the pipeline. May be called any number of times: not at all, once, or again for another attempt. */
export type Next = (request: ApiRequest) => Promise<Response>;

/**
 * What a plugin does with a call; the shape of the official SDK's own middleware. Return what `next` gave, changed or
 * not, or an answer of your own, or throw a `PipelineError` to refuse.
 */
export type Middleware = (request: ApiRequest, next: Next, ctx: Context) => Promise<Response>;

/** A line of what a plugin knows now; a column without a value is left out. */
export type InspectedRow = Readonly<Record<string, string | number | boolean | undefined>>;

/** A plugin at work in one pipeline. */
export interface PluginInstance {
  /** Handles one call. */
  readonly handle: Middleware;
  /** Opens what the plugin needs; a failure keeps the pipeline from starting. In order, outermost first. */
  start?(): Promise<void> | void;
  /** Closes what `start` opened, when no call is in progress any more. In reverse order. */
  close?(): Promise<void> | void;
  /**
   * What it knows now (states, counts), for an operator's page: short, cheap to tell, no secret and nothing of a
   * request's text.
   */
  inspect?(): readonly InspectedRow[];
}

/** What happens to a call when the plugin itself fails (throws anything but a `PipelineError`). */
export type FailurePolicy = 'open' | 'closed';

/** The part of the Standard Schema interface that is used here; valibot, zod and ArkType schemas have it. */
export interface OptionSchema<Output> {
  /** Where the Standard Schema specification puts it. */
  readonly '~standard': {
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
  };
}

/** What a schema makes of a value. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One complaint of a schema. */
export interface SchemaIssue {
  /** What is wrong; becomes part of the sentence that `createPipeline` throws. */
  readonly message: string;
  /** Where, from the outside in. Absent: the options as a whole. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** How a kind of plugin is made; see {@link definePlugin}. */
export interface PluginDefinition<Options, N extends Needs> {
  /** Unique within a pipeline, kebab-case. */
  readonly name: string;
  /** Plugins that, where present, must come later in the array (further in). Checked, never sorted. */
  readonly outside?: readonly string[];
  /** Plugins that, where present, must come earlier in the array (further out). */
  readonly inside?: readonly string[];
  /** Services, by the name under which `create` receives them. */
  readonly needs?: N;
  /** Validates the options and fills in defaults. Without it the plugin takes no options. */
  readonly options?: OptionSchema<Options>;
  /**
   * What happens to a call when the plugin itself fails: `open` lets it pass without the plugin, `closed` refuses it.
   * Default `closed`.
   */
  readonly onError?: FailurePolicy;
  /** Makes the plugin for one pipeline. Synchronous; asynchronous set-up belongs into `start`. */
  readonly create: (options: Options, services: Resolved<N>) => PluginInstance;
}

/** A plugin with its options, ready to stand in a pipeline's `plugins`. It comes to life in `createPipeline`. */
export interface Plugin {
  /** Unique within a pipeline. */
  readonly name: string;
  /** Plugins that, where present, must come later in the array. */
  readonly outside: readonly string[];
  /** Plugins that, where present, must come earlier in the array. */
  readonly inside: readonly string[];
  /** The services it will be made with. */
  readonly needs: Needs;
  /** What happens to a call when the plugin itself fails. */
  readonly onError: FailurePolicy;
  /** The options as given. */
  readonly options: unknown;
  /** Validates the options. Throws a `TypeError` that names the plugin and says what to do. */
  readonly validate: () => unknown;
  /** Makes the instance from validated options and resolved services. */
  readonly create: (options: never, services: never) => PluginInstance;
}

/** Makes a plugin from options; all of them may be left out if `Input` allows it. */
export type PluginFactory<Input> =
  Record<never, never> extends Input ? (options?: Input) => Plugin : (options: Input) => Plugin;

/**
 * Defines a kind of plugin. First-party plugins are made with it and nothing else.
 *
 * @typeParam Input What users pass.
 * @returns A factory: `const retry = definePlugin<RetryOptions, …>({ … })`, then `retry({ maxRetries: 1 })`.
 */
export function definePlugin<
  Input = Record<never, never>,
  Output = Input,
  N extends Needs = Record<never, never>,
>(definition: PluginDefinition<Output, N>): PluginFactory<Input> {
  const { name, outside = [], inside = [], onError = 'closed', create } = definition;
  const factory = (options: unknown = {}): Plugin => ({
    name,
    outside,
    inside,
    needs: definition.needs ?? {},
    onError,
    options,
    validate: () => validateOptions(`plugin "${name}"`, definition.options, options),
    create: (given: Output, services: Resolved<N>) => checkedInstance(name, create(given, services)),
  });
  return factory as PluginFactory<Input>;
}

/** Found at assembly and not at the first call. */
function checkedInstance(name: string, instance: PluginInstance): PluginInstance {
  if (typeof (instance as Partial<PluginInstance> | undefined)?.handle === 'function') return instance;
  throw new TypeError(
    `plugin "${name}": create must return { handle(request, next, ctx) { … } } synchronously; asynchronous set-up belongs into start().`,
  );
}

/** A plugin that takes part only in the calls that the predicate picks. */
export function when(predicate: (request: ApiRequest, ctx: Context) => boolean, plugin: Plugin): Plugin {
  return {
    ...plugin,
    create: (options: never, services: never) => {
      const instance = plugin.create(options, services);
      return {
        ...bound(instance),
        handle: (request, next, ctx) =>
          predicate(request, ctx) ? instance.handle(request, next, ctx) : next(request),
      };
    },
  };
}

/** The same plugin under another name, so that one kind may stand in a pipeline twice. */
export function named(name: string, plugin: Plugin): Plugin {
  return { ...plugin, name };
}

/** The life of an instance that may be a class with methods on its prototype. */
function bound(instance: PluginInstance): Omit<PluginInstance, 'handle'> {
  return {
    start: () => instance.start?.(),
    close: () => instance.close?.(),
    inspect: () => instance.inspect?.() ?? [],
  };
}
