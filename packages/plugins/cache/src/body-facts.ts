import { hash } from 'node:crypto';
import { type ApiRequest, readJson, jsonNodes } from '@sluice/core';
import { LRUCache } from 'lru-cache';
import { canonicalJson } from './canonical.ts';
import { bodyDigest } from './key.ts';
import type { Impurity, ReadRules } from './rules.ts';
import { asObject } from './walk.ts';

/** What a request body comes to: its digest, or why its answer cannot be kept. */
export type BodyFacts = { readonly digest: string } | { readonly bypass: string };

/** Bodies whose facts are remembered, about 200 bytes each. */
const REMEMBERED = 4_096;

/**
 * Digests bodies. A body that comes again byte by byte is known by its plain hash: parsing it and writing it canonically
 * costs three times as much.
 */
export class BodyReader {
  readonly #rules: ReadRules;
  readonly #allow: readonly Impurity[];
  readonly #known = new LRUCache<string, BodyFacts>({ max: REMEMBERED });

  constructor(rules: ReadRules, allow: readonly Impurity[]) {
    this.#rules = rules;
    this.#allow = allow;
  }

  read(request: ApiRequest, body: Uint8Array): BodyFacts {
    const raw = hash('sha256', body, 'base64url');
    let facts = this.#known.get(raw);
    if (facts === undefined) {
      facts = this.#find(request, body);
      this.#known.set(raw, facts);
    }
    return facts;
  }

  #find(request: ApiRequest, raw: Uint8Array): BodyFacts {
    const body = parsed(request);
    if (body === undefined) return { bypass: 'body' };
    const { impurities, normalise, tree } = this.#rules;
    const impure = impurities(body).find((one) => !this.#allow.includes(one));
    if (impure !== undefined) return { bypass: impure };

    const plain = normalise?.(body) ?? body;
    const canonical = canonicalJson(plain, tree);
    const { nodes } = plain === body ? canonical : canonicalJson(body, tree);
    // Which of two fields of one name counts, the upstream decides. Answering the one under the key of the other would
    // let a caller choose what its neighbours are told.
    if (nodes !== jsonNodes(raw)) return { bypass: 'duplicate-keys' };
    return { digest: bodyDigest(canonical, raw) };
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
