import { problem } from './check-options.ts';
import { isPlugin } from './is-plugin.ts';
import type { StandardOptions } from './options.ts';

/**
 * Finds pipelines whose every call would go upstream without a key, and be answered with 401. Whoever arranges plugins,
 * or says `credentials: false`, knows better.
 *
 * @throws TypeError One sentence that says what to do.
 */
export function checkKeys({ arrange, credentials, endpoints, identity }: StandardOptions): void {
  if (arrange !== undefined || credentials !== undefined) return;
  const bare = endpoints?.find(({ credential }) => credential === undefined);
  if (bare !== undefined) {
    throw problem(
      `endpoint "${bare.id}" has no credential, and nothing puts a key on its calls; give it one, or "credentials" (false: it needs no key)`,
    );
  }
  // Others may leave the caller's key where it is.
  const isOurs = identity !== undefined && identity !== false && !isPlugin(identity);
  const callers = endpoints?.some(({ credential }) => credential === 'caller') ?? true;
  if (isOurs && callers) {
    throw problem(
      '"identity" takes the caller\'s key off, and nothing puts yours on; add credentials: { keys: [envKey("ANTHROPIC_API_KEY")] } (false: the upstream needs no key)',
    );
  }
}
