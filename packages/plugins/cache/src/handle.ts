import { type CacheStatistics, noStatistics } from './statistics.ts';
import { tenantTag, userTag } from './scope.ts';

/** What is to be forgotten. */
export type Purge =
  /** All answers of a tenant, or of a principal without one. */
  | { readonly tenant: string }
  /** All answers that `tags` has given this name. */
  | { readonly tag: string };

/** A cache at work, as its handle knows it. */
export interface Purgeable {
  /** Forgets what was stored with the tag, and what is on its way. */
  purge(tag: string): Promise<void>;
  /** What has happened so far. */
  readonly statistics: CacheStatistics;
}

/** Reaches the caches that were made with it from outside; made by {@link cacheHandle}. */
export class CacheHandle {
  readonly #caches = new Set<Purgeable>();

  /**
   * Forgets answers. Those that are on their way upstream in this process are not stored either; with a store that other
   * processes share, nor are theirs.
   *
   * @throws What the store throws: then it is not certain that they are forgotten.
   */
  async purge(what: Purge): Promise<void> {
    const tag = 'tenant' in what ? tenantTag(what.tenant) : userTag(what.tag);
    await Promise.all(Array.from(this.#caches, (cache) => cache.purge(tag)));
  }

  /** What has happened so far, summed over the caches. */
  statistics(): Readonly<CacheStatistics> {
    const sum = noStatistics();
    for (const { statistics } of this.#caches) {
      for (const name of Object.keys(sum) as (keyof CacheStatistics)[]) sum[name] += statistics[name];
    }
    return sum;
  }

  /** A cache begins its work. For the plugin. */
  attach(cache: Purgeable): void {
    this.#caches.add(cache);
  }

  /** A cache has closed. For the plugin. */
  detach(cache: Purgeable): void {
    this.#caches.delete(cache);
  }
}

/** Makes a handle: `cache({ handle })`, then `await handle.purge({ tenant: 'acme' })`. */
export function cacheHandle(): CacheHandle {
  return new CacheHandle();
}
