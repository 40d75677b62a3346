// tsyringe refuses to load without a Reflect polyfill.
import 'reflect-metadata';
import { container as rootContainer, type DependencyContainer, instanceCachingFactory } from 'tsyringe';
import {
  embeddedDefault,
  type Needs,
  type Resolved,
  type ServiceRecipe,
  type Token,
  tokenName,
} from './token.ts';

/** A service given to a pipeline; made by {@link provide}. */
export interface Provision {
  /** The service it provides. */
  readonly token: Token<unknown>;
  /** How it is made. */
  readonly recipe: ServiceRecipe<unknown>;
}

/**
 * Replaces a service everywhere in a pipeline. What `create` makes belongs to the pipeline: its `start()` and
 * `close()`, where it has them, are called with the pipeline's.
 *
 * @param create Receives the services named in `needs`.
 */
export function provide<T, N extends Needs = Record<never, never>>(
  token: Token<T>,
  create: (needs: Resolved<N>) => NoInfer<T>,
  needs?: N,
): Provision {
  const recipe = { create, ...(needs === undefined ? {} : { needs }) };
  return { token, recipe: recipe as ServiceRecipe<unknown> };
}

/** Where a service came from, for `describe()`. */
export type ServiceSource = 'provided' | 'container' | 'embedded';

/** A service that may need to be started and closed. */
interface Startable {
  start?: () => Promise<void> | void;
  close?: () => Promise<void> | void;
}

/** The services of one pipeline, resolved. */
export interface Services {
  resolve<N extends Needs>(needs: N): Resolved<N>;
  /** Services that the pipeline made, dependencies first. */
  readonly owned: readonly Startable[];
  readonly described: readonly { readonly name: string; readonly source: ServiceSource }[];
}

/**
 * Assembles the services by tsyringe. The graph is checked before anything is resolved, because tsyringe answers a
 * cycle with seconds of CPU and megabytes of message (and sometimes the end of the process), and builds unknown
 * classes silently. Everything is resolved here, nothing on the hot path; our lifecycle owns what was made, because
 * tsyringe's `dispose` skips what factories made and closes dependencies before their users.
 *
 * @param wanted What the plugins need, by plugin name.
 * @param defaults Embedded defaults of this pipeline, beside those that tokens have of themselves.
 * @throws TypeError One sentence that says what is missing or which services wait for each other.
 */
export function assembleServices(
  wanted: ReadonlyMap<string, Needs>,
  provisions: readonly Provision[],
  userContainer: DependencyContainer | undefined,
  defaults: readonly Provision[] = [],
): Services {
  const embedded = new Map(defaults.map(({ token, recipe }) => [token as symbol, recipe]));
  const defaultOf = (token: Token<unknown>): ServiceRecipe<unknown> | undefined =>
    embedded.get(token) ?? embeddedDefault(token);
  const provided = new Map(provisions.map(({ token, recipe }) => [token as symbol, recipe]));
  const sourceOf = (token: Token<unknown>): ServiceSource | undefined => {
    if (provided.has(token)) return 'provided';
    if (userContainer?.isRegistered(token, true) === true) return 'container';
    return defaultOf(token) === undefined ? undefined : 'embedded';
  };
  const recipeOf = (token: Token<unknown>): ServiceRecipe<unknown> | undefined =>
    provided.get(token) ?? (sourceOf(token) === 'container' ? undefined : defaultOf(token));

  const order = sortedGraph(wanted, sourceOf, recipeOf);
  // A container of our own: registrations of one pipeline must not be seen by another. Tokens that the user's
  // container knows are resolved there, so that its singletons are built from its own registrations.
  const scope = rootContainer.createChildContainer();
  const made = new Map<Token<unknown>, unknown>();
  const resolveAll = <N extends Needs>(needs: N): Resolved<N> =>
    Object.fromEntries(Object.entries(needs).map(([name, token]) => [name, made.get(token)])) as Resolved<N>;

  const owned: Startable[] = [];
  for (const token of order) {
    const recipe = recipeOf(token);
    if (recipe === undefined) {
      // Once, whatever its registration says: plugins of one pipeline share a service.
      made.set(token, checked(token, fromContainer(userContainer as DependencyContainer, token)));
      continue;
    }
    scope.register(token, {
      useFactory: instanceCachingFactory(() => recipe.create(resolveAll(recipe.needs ?? {}) as never)),
    });
    const service = checked(token, scope.resolve<unknown>(token));
    made.set(token, service);
    if (typeof service === 'object') owned.push(service as Startable);
  }
  const described = order.map((token) => ({
    name: tokenName(token),
    source: sourceOf(token) as ServiceSource,
  }));
  return { resolve: resolveAll, owned, described };
}

/** Forgotten `return`s and `async` factories would otherwise show at the first call, in somebody else's code. */
function checked(token: Token<unknown>, service: unknown): unknown {
  if (service === undefined || service === null) {
    throw new TypeError(
      `service "${tokenName(token)}" was made as ${String(service)}; return it from its factory.`,
    );
  }
  if (service instanceof Promise) {
    // Whatever becomes of it: nobody waits for it any more.
    service.catch(() => undefined);
    throw new TypeError(
      `service "${tokenName(token)}" was made as a promise; make it synchronously and open connections in its start().`,
    );
  }
  return service;
}

function fromContainer(container: DependencyContainer, token: Token<unknown>): unknown {
  try {
    return container.resolve(token);
  } catch (error) {
    // tsyringe repeats its sentence once per level.
    const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new TypeError(
      `service "${tokenName(token)}" cannot be resolved from the container: ${sentence.slice(0, 300)}.`.replace(
        /\.+$/,
        '.',
      ),
      { cause: error },
    );
  }
}

/** All needed tokens, dependencies first. */
function sortedGraph(
  wanted: ReadonlyMap<string, Needs>,
  sourceOf: (token: Token<unknown>) => ServiceSource | undefined,
  recipeOf: (token: Token<unknown>) => ServiceRecipe<unknown> | undefined,
): Token<unknown>[] {
  const sorted = new Set<Token<unknown>>();
  const path: Token<unknown>[] = [];
  const visit = (token: Token<unknown>, wantedBy: string, name: string): void => {
    if (sorted.has(token)) return;
    if (typeof token !== 'symbol') {
      throw new TypeError(
        `${wantedBy} names no token for its need "${name}"; make one with token() and check its import.`,
      );
    }
    if (sourceOf(token) === undefined) {
      throw new TypeError(
        `${wantedBy} needs the service "${tokenName(token)}", and nothing provides it; add provide(…) for it to services.`,
      );
    }
    const start = path.indexOf(token);
    if (start >= 0) {
      const cycle = [...path.slice(start), token].map(tokenName).join(' → ');
      throw new TypeError(
        `services need each other in a circle: ${cycle}; one of them must do without the next.`,
      );
    }
    path.push(token);
    for (const [name, need] of Object.entries(recipeOf(token)?.needs ?? {})) {
      visit(need, `service "${tokenName(token)}"`, name);
    }
    path.pop();
    sorted.add(token);
  };
  for (const [plugin, needs] of wanted) {
    for (const [name, token] of Object.entries(needs)) visit(token, `plugin "${plugin}"`, name);
  }
  return [...sorted];
}
