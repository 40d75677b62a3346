import {
  ALLOWED_REGIONS,
  type ApiRequest,
  type Context,
  type Next,
  PRINCIPAL,
  readJson,
  VERDICTS,
} from '@sluice/core';
import type { Call } from './call.ts';
import { canonicalJson } from './canonical.ts';
import { jsonNodes } from './json-nodes.ts';
import { cacheKey, keyInputs } from './key.ts';
import type { CacheSettings } from './options.ts';
import { type ReadRules, readRules } from './rules.ts';
import { scopeOf, scopeTag, userTag } from './scope.ts';
import { asObject } from './walk.ts';

/** Why a call is none of the cache's business; a token of `cache-status`. */
export interface Bypass {
  readonly bypass: string;
}

const MAX_TAGS = 16;

/** Finds out what a call asks for, and whether its answer can be kept. */
export class Planner {
  readonly #settings: CacheSettings;
  readonly #rules: ReadonlyMap<string, ReadRules>;

  constructor(settings: CacheSettings) {
    this.#settings = settings;
    this.#rules = readRules(settings.rules);
  }

  /** The call with its key, or why there is none. */
  plan(request: ApiRequest, next: Next, ctx: Context): Call | Bypass {
    const rules = this.#rules.get(ctx.format?.name ?? '');
    if (rules === undefined || request.body === null) return { bypass: 'format' };
    const body = parsed(request);
    if (body === undefined) return { bypass: 'body' };
    const impurity = rules.impurity(body);
    if (impurity !== undefined && !this.#settings.allow.includes(impurity)) return { bypass: impurity };

    const plain = rules.normalise?.(body) ?? body;
    const canonical = canonicalJson(plain, rules.tree);
    const { nodes } = plain === body ? canonical : canonicalJson(body, rules.tree);
    // Which of two fields of one name counts, the upstream decides. Answering the one under the key of the other would
    // let a caller choose what its neighbours are told.
    if (nodes !== jsonNodes(request.body)) return { bypass: 'duplicate-keys' };

    const { state } = ctx;
    const scope = scopeOf(this.#settings.scope, state.get(PRINCIPAL), request);
    const inputs = keyInputs(request, ctx, rules, scope, state.get(ALLOWED_REGIONS), canonical);
    const tag = scopeTag(scope);
    const tags = (this.#settings.tags?.(request, ctx) ?? []).slice(0, MAX_TAGS).map(userTag);
    return {
      request,
      next,
      ctx,
      rules,
      key: cacheKey(inputs, this.#settings.secret),
      tags: tag === undefined ? tags : [tag, ...tags],
      verdicts: state.get(VERDICTS)?.length ?? 0,
      shared: this.#settings.singleFlight,
      stale: undefined,
    };
  }
}

/** The body, if it is a JSON object. What is none is the upstream's to refuse. */
function parsed(request: ApiRequest): Readonly<Record<string, unknown>> | undefined {
  try {
    return asObject(readJson(request));
  } catch {
    return undefined;
  }
}
