import { type CacheStatistics, noStatistics } from './statistics.ts';
import { type ScopeKind, tenantTag, userTag } from './scope.ts';

/** What is to be forgotten. */
export type Purge =
  /** All answers of a tenant, or of a principal without one. With scope `shared` there are none. */
  | { readonly tenant: string }
  /** All answers that `tags` has given this name. */
  | { readonly tag: string };

/** A cache at work, as its handle knows it. */
export interface Purgeable {
  /** Whose its answers are. */
  readonly scope: ScopeKind;
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
   * @throws TypeError For a tenant, where a cache has the scope `shared`: the answers of the others are forgotten.
   */
  async purge(what: Purge): Promise<void> {
    const tag = 'tenant' in what ? tenantTag(what.tenant) : userTag(what.tag);
    const caches = [...this.#caches];
    await Promise.all(caches.map((cache) => cache.purge(tag)));
    // Whoever erases what there is of a tenant must not take this for done.
    if ('tenant' in what && caches.some(({ scope }) => scope === 'shared')) {
      throw new TypeError(
        'cache: with scope "shared" answers belong to no tenant, and were not purged; purge them by a tag.',
      );
    }
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
