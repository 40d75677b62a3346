import type { ApiRequest, Context, Principal } from '@sluice/core';
import { checkVirtualKey, type VirtualKey } from './virtual-key.ts';

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** A key as calls need it: taken apart once, not with every call. */
export class Grant {
  readonly id: string;
  readonly hash: Buffer;
  readonly principal: Principal;
  readonly regions: readonly string[] | undefined;
  readonly limits: Readonly<Record<string, number>> | undefined;
  readonly #revoked: boolean;
  readonly #expiresAt: number;
  /** Names in full; undefined allows all models. */
  readonly #models: ReadonlySet<string> | undefined;
  /** Beginnings of names. */
  readonly #families: readonly string[];

  /** @throws TypeError When a directory of the user's own gave something that is no key. */
  constructor(given: VirtualKey) {
    const key = checkVirtualKey(given);
    const { id, principal = id, tenant, labels, models } = key;
    this.id = id;
    this.hash = Buffer.from(key.hash, 'base64url');
    this.principal = {
      id: principal,
      ...(tenant === undefined ? {} : { tenant }),
      labels: { ...labels, key: id },
    };
    this.regions = key.regions;
    this.limits = key.limits;
    this.#revoked = key.revokedAt !== undefined;
    this.#expiresAt = key.expiresAt === undefined ? Infinity : Date.parse(key.expiresAt);
    this.#models = models && new Set(models);
    this.#families = (models ?? []).filter((model) => model.endsWith('*')).map((model) => model.slice(0, -1));
  }

  /** Why the key is not valid now; undefined when it is. */
  objection(wallTime: number): string | undefined {
    if (this.#revoked) return 'is revoked';
    return wallTime < this.#expiresAt ? undefined : 'has expired';
  }

  /**
   * Whether the key may make this call. With a list of models, each that the request names has to be in it, and calls
   * whose model is not known are only reads: a batch names its models where nobody looks.
   *
   * @throws PipelineError `invalid_request` when it cannot be told which models the request names.
   */
  allows(request: ApiRequest, { model, format }: Pick<Context, 'model' | 'format'>): boolean {
    const models = this.#models;
    if (models === undefined) return true;
    if (model === undefined || format === undefined) return READS.has(request.method);
    const listed = (name: string): boolean =>
      models.has(name) || this.#families.some((family) => name.startsWith(family));
    return listed(model) && (format.otherModels?.(request).every(listed) ?? true);
  }
}
