import { CLOCK, definePlugin, type PluginFactory, RANDOM } from '@sluice/core';
import { tellByWarning, tellSafely } from './credential-event.ts';
import { Judge } from './judge.ts';
import { KEY_STATES } from './key-states.ts';
import { Keyring } from './keyring.ts';
import { type CredentialsOptions, options } from './options.ts';
import { Sender } from './sender.ts';

/**
 * Puts the operator's key in the place of whatever the caller sent, for each attempt anew: one that may be used now,
 * from the endpoint's pool, the same for the same caller as long as that works. A key that the upstream turns away
 * rests or is left out, and another takes the attempt, once.
 */
export const credentials: PluginFactory<CredentialsOptions> = definePlugin({
  name: 'credentials',
  inside: [
    'audit',
    'identity',
    'moderation',
    'cache',
    'rate-limit',
    'retry',
    'region-routing',
    'circuit-breaker',
  ],
  needs: { clock: CLOCK, random: RANDOM, states: KEY_STATES },
  options,
  create: (settings, { clock, random, states }) => {
    const tell = tellSafely(settings.onEvent ?? tellByWarning(clock));
    const keyring = new Keyring(settings, { clock, random, states, tell });
    const sender = new Sender(keyring, new Judge(settings, { clock, random, tell }), clock);
    return {
      handle: (request, next, ctx) => sender.send(request, next, ctx),
      inspect: () =>
        states.list().map(({ id, endpoint, tenant, state, version, model, until, reason, inFlight }) => ({
          id,
          endpoint,
          tenant,
          state,
          version,
          model,
          forMs: until === undefined ? undefined : Math.max(0, until - clock.wallTime()),
          reason,
          inFlight,
        })),
      start: () => keyring.start(),
      close: () => {
        keyring.close();
      },
    };
  },
});
