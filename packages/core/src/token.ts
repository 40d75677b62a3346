declare const SERVICE: unique symbol;

/**
 * Names a service of type `T`. It is a plain symbol, so it is also a tsyringe injection token:
 * `container.register(CLOCK, { useValue: myClock })` and `@inject(CLOCK)` work as they are.
 */
export type Token<T> = symbol & { readonly [SERVICE]?: T };

/** What a service or plugin asks for, by the name under which it will receive each service. */
export type Needs = Readonly<Record<string, Token<unknown>>>;

/** The services that `N` asks for, resolved. */
export type Resolved<N extends Needs> = {
  readonly [K in keyof N]: N[K] extends Token<infer T> ? T : never;
};

/** How a service is made. `create` must be synchronous; asynchronous set-up belongs into the service's `start()`. */
export interface ServiceRecipe<T, N extends Needs = Needs> {
  /** Services that `create` receives, by name. Default: none. */
  readonly needs?: N;
  /** Makes the service. Called once a pipeline. */
  readonly create: (needs: Resolved<N>) => T;
}

const embeddedDefaults = new Map<symbol, ServiceRecipe<unknown>>();

/**
 * Makes a new token.
 *
 * @param name Shown in errors and in `pipeline.describe()`.
 * @param embedded How the service is made when nobody provides one. Without it, a pipeline whose plugins need this
 *   token fails in `createPipeline` until the service is provided.
 */
export function token<T, N extends Needs = Record<never, never>>(
  name: string,
  embedded?: ServiceRecipe<T, N>,
): Token<T> {
  const symbol = Symbol(name);
  if (embedded) embeddedDefaults.set(symbol, embedded as ServiceRecipe<unknown>);
  return symbol as Token<T>;
}

/** The embedded default of a token, if it has one. */
export function embeddedDefault(of: Token<unknown>): ServiceRecipe<unknown> | undefined {
  return embeddedDefaults.get(of);
}

/** A token's name as it was given to {@link token}. */
export function tokenName(of: Token<unknown>): string {
  return of.description ?? 'unnamed';
}
