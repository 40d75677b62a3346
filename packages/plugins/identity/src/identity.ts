import {
  ALLOWED_REGIONS,
  type ApiRequest,
  CLOCK,
  type Context,
  definePlugin,
  LIMITS,
  PipelineError,
  type PluginFactory,
  PRINCIPAL,
  within,
  withoutCredentials,
} from '@sluice/core';
import { timingSafeEqual } from 'node:crypto';
import { Grant } from './grant.ts';
import { KEY_DIRECTORY } from './key-directory.ts';
import { HASH_BYTES, KeyCodec, type ReadKey } from './key-codec.ts';
import { type IdentityOptions, options } from './options.ts';
import { presentedKey } from './presented-key.ts';
import type { VirtualKey } from './virtual-key.ts';

const name = 'identity';
/** What an unknown key is compared with, so that it takes as long as a wrong one. */
const NO_HASH = Buffer.alloc(HASH_BYTES);

/**
 * Finds out who calls, by a virtual key: principal, and the models, regions and limits of the key. No key, a wrong, an
 * expired and a revoked one are all refused with the same words. The caller's credentials end here.
 */
export const identity: PluginFactory<IdentityOptions> = definePlugin({
  name,
  inside: ['audit'],
  outside: ['moderation', 'cache', 'rate-limit', 'retry', 'region-routing', 'circuit-breaker', 'credentials'],
  needs: { clock: CLOCK, directory: KEY_DIRECTORY },
  options,
  create: ({ acceptHost, lookupTimeoutMs, ...form }, { clock, directory }) => {
    const codec = new KeyCodec(form);
    const shownHash = Buffer.alloc(HASH_BYTES);
    // Directories give the same object for the same key as long as it does not change.
    const grants = new WeakMap<VirtualKey, Grant>();
    const grantOf = (key: VirtualKey): Grant => {
      const known = grants.get(key);
      if (known !== undefined) return known;
      const grant = new Grant(key);
      grants.set(key, grant);
      return grant;
    };

    const find = ({ id }: ReadKey, { signal }: ApiRequest) => {
      try {
        const found = directory.find(id, signal);
        if (!(found instanceof Promise)) return found;
        return within(found, clock, lookupTimeoutMs, signal).catch(refuse);
      } catch (error) {
        return refuse(error);
      }
    };

    return {
      async handle(request, next, ctx) {
        const clean = withoutCredentials(request);
        if (acceptHost && ctx.state.get(PRINCIPAL) !== undefined) return next(clean);

        const shown = presentedKey(request.headers);
        const read = codec.read(shown);
        if (read === undefined) throw unauthenticated(shown === undefined ? 'no key' : 'no well-formed key');
        const found = find(read, request);
        const key = found instanceof Promise ? await found : found;

        const grant = key && grantOf(key);
        shownHash.write(read.hash, 'binary');
        const same = timingSafeEqual(shownHash, grant?.hash ?? NO_HASH);
        if (grant === undefined || !same || grant.id !== read.id)
          throw unauthenticated(`key ${read.id} is not known`);
        const objection = grant.objection(clock.wallTime());
        if (objection !== undefined) throw unauthenticated(`key ${read.id} ${objection}`);

        admit(grant, request, ctx);
        return next(clean);
      },
    };
  },
});

/** Tells the rest of the pipeline who calls. */
function admit(grant: Grant, request: ApiRequest, ctx: Context): void {
  if (!grant.allows(request, ctx)) {
    throw new PipelineError('forbidden', { plugin: name, message: 'This key may not use this model.' });
  }
  const { state } = ctx;
  state.set(PRINCIPAL, grant.principal);
  if (grant.limits !== undefined) state.set(LIMITS, grant.limits);
  if (grant.regions !== undefined) {
    const already = state.get(ALLOWED_REGIONS);
    state.set(ALLOWED_REGIONS, already?.filter((region) => grant.regions?.includes(region)) ?? grant.regions);
  }
}

/** One refusal for all of them: which it was is for the operator's logs alone. */
function unauthenticated(cause: string): PipelineError {
  return new PipelineError('unauthenticated', { plugin: name, cause });
}

/** Nobody is let in because it could not be found out who it is. */
function refuse(cause: unknown): never {
  if (PipelineError.is(cause)) throw cause;
  throw new PipelineError('plugin_failed', {
    plugin: name,
    status: 503,
    retryable: true,
    message: 'The caller cannot be verified now. Try again later.',
    cause,
  });
}
