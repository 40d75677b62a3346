import { ALLOWED_REGIONS, type ApiRequest, type Context, type Next, PRINCIPAL, VERDICTS } from '@sluice/core';
import { BodyReader } from './body-facts.ts';
import type { Call } from './call.ts';
import type { Directives } from './directives.ts';
import { cacheKey, keyInputs } from './key.ts';
import type { CacheSettings } from './options.ts';
import { type ReadRules, readRules } from './rules.ts';
import { scopeOf, scopeTag, userTag } from './scope.ts';

/** Why a call is none of the cache's business, in a word for `cache-status`. */
export interface Bypass {
  readonly bypass: string;
}

interface Dialect {
  readonly rules: ReadRules;
  readonly bodies: BodyReader;
}

const MAX_TAGS = 16;

/** Finds out what a call asks for, and whether its answer can be kept. */
export class Planner {
  readonly #settings: CacheSettings;
  readonly #dialects: ReadonlyMap<string, Dialect>;

  constructor(settings: CacheSettings) {
    this.#settings = settings;
    this.#dialects = new Map(
      Array.from(readRules(settings.rules), ([name, rules]) => [
        name,
        { rules, bodies: new BodyReader(rules, settings.allow) },
      ]),
    );
  }

  /** The call with its key, or why there is none. */
  plan(request: ApiRequest, next: Next, ctx: Context, directives: Directives): Call | Bypass {
    const dialect = ctx.format === undefined ? undefined : this.#dialects.get(ctx.format.name);
    if (dialect === undefined || request.body === null) return { bypass: 'format' };
    const { rules, bodies } = dialect;
    const body = bodies.read(request, request.body);
    if ('bypass' in body) return body;

    const { state } = ctx;
    const scope = scopeOf(this.#settings.scope, state.get(PRINCIPAL), request);
    const inputs = keyInputs(request, ctx, rules, scope, state.get(ALLOWED_REGIONS), body.digest);
    const own = scopeTag(scope);
    const tags = (this.#settings.tags?.(request, ctx) ?? []).slice(0, MAX_TAGS).map(userTag);
    return {
      request,
      next,
      ctx,
      rules,
      key: cacheKey(inputs, this.#settings.secret),
      tags: own === undefined ? tags : [own, ...tags],
      verdicts: state.get(VERDICTS)?.length ?? 0,
      shared: this.#settings.singleFlight,
      maxAgeMs: directives.maxAgeMs,
      stale: undefined,
    };
  }
}
