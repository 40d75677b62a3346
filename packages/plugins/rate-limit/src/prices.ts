import type { ApiRequest, Context } from '@sluice/core';
import type { Price } from './rule.ts';

/** Tokens of one call, as far as they are known. */
export interface Tokens {
  /** All input, what was read from or written to a cache included. */
  readonly input: number;
  /** All output. */
  readonly output: number;
  /** The part of the input that was read from the provider's prompt cache. */
  readonly cacheRead: number;
  /** The part of the input that was written to it. */
  readonly cacheWrite: number;
}

/** Millionths of the currency. */
export const MICRO = 1_000_000;

/** A price per token, in millionths of a millionth of the currency: whole numbers, so that nothing drifts. */
export interface UnitPrice {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

/** Prices by model. A name that ends in `*` is for all models that begin with the rest; the longest one counts. */
export class PriceTable {
  readonly #exact = new Map<string, UnitPrice>();
  readonly #prefixes: (readonly [string, UnitPrice])[] = [];

  constructor(prices: Readonly<Record<string, Price>>) {
    for (const [model, price] of Object.entries(prices)) {
      if (model.endsWith('*')) this.#prefixes.push([model.slice(0, -1), unitPrice(price)]);
      else this.#exact.set(model, unitPrice(price));
    }
    this.#prefixes.sort(([one], [other]) => other.length - one.length);
  }

  /** The price of a model; undefined when the table has none. */
  of(model: string | undefined): UnitPrice | undefined {
    const name = model ?? '';
    return this.#exact.get(name) ?? this.#prefixes.find(([prefix]) => name.startsWith(prefix))?.[1];
  }

  /**
   * The price of a call. Where its request names several models, any of them may answer, and it is that of the dearest;
   * undefined when the table lacks one.
   */
  ofCall(request: ApiRequest, { model, format }: Pick<Context, 'model' | 'format'>): UnitPrice | undefined {
    let price = this.of(model);
    for (const other of format?.otherModels?.(request) ?? []) price = dearest(price, this.of(other));
    return price;
  }
}

function dearest(one: UnitPrice | undefined, other: UnitPrice | undefined): UnitPrice | undefined {
  if (one === undefined || other === undefined) return undefined;
  return {
    input: Math.max(one.input, other.input),
    output: Math.max(one.output, other.output),
    cacheRead: Math.max(one.cacheRead, other.cacheRead),
    cacheWrite: Math.max(one.cacheWrite, other.cacheWrite),
  };
}

/** What tokens cost, in millionths of the currency, rounded up. */
export function costOf(price: UnitPrice, { input, output, cacheRead, cacheWrite }: Tokens): number {
  const plain = Math.max(0, input - cacheRead - cacheWrite);
  const sum =
    plain * price.input + cacheRead * price.cacheRead + cacheWrite * price.cacheWrite + output * price.output;
  return Math.ceil(sum / MICRO);
}

/** A price for a million tokens is, in millionths, that of one token. */
function unitPrice({ input, output, cacheRead = input, cacheWrite = input }: Price): UnitPrice {
  return {
    input: Math.round(input * MICRO),
    output: Math.round(output * MICRO),
    cacheRead: Math.round(cacheRead * MICRO),
    cacheWrite: Math.round(cacheWrite * MICRO),
  };
}
