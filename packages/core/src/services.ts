// tsyringe refuses to load without a Reflect polyfill.
import 'reflect-metadata';
import { container as rootContainer, type DependencyContainer, instanceCachingFactory } from 'tsyringe';
import { embeddedDefault, type Needs, type Resolved, type ServiceRecipe, type Token, tokenName } from './token.ts';

/** A service given to a pipeline; made by {@link provide}. */
export interface Provision {
  readonly token: Token<unknown>;
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
  create: (needs: Resolved<N>) => T,
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
 * @throws TypeError One sentence that says what is missing or which services wait for each other.
 */
export function assembleServices(
  wanted: ReadonlyMap<string, Needs>,
  provisions: readonly Provision[],
  userContainer: DependencyContainer | undefined,
): Services {
  const provided = new Map(provisions.map(({ token, recipe }) => [token as symbol, recipe]));
  const sourceOf = (token: Token<unknown>): ServiceSource | undefined => {
    if (provided.has(token)) return 'provided';
    if (userContainer?.isRegistered(token, true) === true) return 'container';
    return embeddedDefault(token) === undefined ? undefined : 'embedded';
  };
  const recipeOf = (token: Token<unknown>): ServiceRecipe<unknown> | undefined =>
    provided.get(token) ?? (sourceOf(token) === 'container' ? undefined : embeddedDefault(token));

  const order = sortedGraph(wanted, sourceOf, recipeOf);
  // A container of our own: registrations of one pipeline must not be seen by another. Tokens that the user's
  // container knows are resolved there, so that its singletons are built from its own registrations.
  const scope = rootContainer.createChildContainer();
  const resolve = (token: Token<unknown>): unknown =>
    sourceOf(token) === 'container' ? userContainer?.resolve(token) : scope.resolve(token);
  const resolveAll = <N extends Needs>(needs: N): Resolved<N> =>
    Object.fromEntries(Object.entries(needs).map(([name, token]) => [name, resolve(token)])) as Resolved<N>;

  const owned: Startable[] = [];
  for (const token of order) {
    const recipe = recipeOf(token);
    if (recipe === undefined) continue;
    scope.register(token, {
      useFactory: instanceCachingFactory(() => recipe.create(resolveAll(recipe.needs ?? {}) as never)),
    });
    const service = scope.resolve<unknown>(token);
    if (typeof service === 'object' && service !== null) owned.push(service as Startable);
  }
  const described = order.map((token) => ({ name: tokenName(token), source: sourceOf(token) as ServiceSource }));
  return { resolve: resolveAll, owned, described };
}

/** All needed tokens, dependencies first. */
function sortedGraph(
  wanted: ReadonlyMap<string, Needs>,
  sourceOf: (token: Token<unknown>) => ServiceSource | undefined,
  recipeOf: (token: Token<unknown>) => ServiceRecipe<unknown> | undefined,
): Token<unknown>[] {
  const sorted = new Set<Token<unknown>>();
  const path: Token<unknown>[] = [];
  const visit = (token: Token<unknown>, wantedBy: string): void => {
    if (sorted.has(token)) return;
    if (sourceOf(token) === undefined) {
      throw new TypeError(
        `${wantedBy} needs the service "${tokenName(token)}", and nothing provides it; add provide(…) for it to services.`,
      );
    }
    const start = path.indexOf(token);
    if (start >= 0) {
      const cycle = [...path.slice(start), token].map(tokenName).join(' → ');
      throw new TypeError(`services need each other in a circle: ${cycle}; one of them must do without the next.`);
    }
    path.push(token);
    for (const need of Object.values(recipeOf(token)?.needs ?? {})) visit(need, `service "${tokenName(token)}"`);
    path.pop();
    sorted.add(token);
  };
  for (const [plugin, needs] of wanted) {
    for (const token of Object.values(needs)) visit(token, `plugin "${plugin}"`);
  }
  return [...sorted];
}
