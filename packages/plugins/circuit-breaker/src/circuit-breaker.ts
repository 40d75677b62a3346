import { CLOCK, definePlugin, followAttempt, type PluginFactory } from '@sluice/core';
import { CIRCUITS } from './circuits.ts';
import { type CircuitBreakerOptions, type CircuitBreakerSettings, options } from './options.ts';

/** Names of models whose family is remembered. Callers choose them. */
const MAX_NAMES = 1_000;

/**
 * Stops calls to an endpoint that is failing, per model family, and lets single ones through to find out when it has
 * recovered. An attempt is judged when its answer has ended, not at its headers, and by what it says of the upstream's
 * health: a throttle, a refused request and a caller who left are no illness.
 */
export const circuitBreaker: PluginFactory<CircuitBreakerOptions> = definePlugin<
  CircuitBreakerOptions,
  CircuitBreakerSettings,
  { clock: typeof CLOCK; circuits: typeof CIRCUITS }
>({
  name: 'circuit-breaker',
  inside: ['retry', 'region-routing'],
  outside: ['credentials'],
  needs: { clock: CLOCK, circuits: CIRCUITS },
  options,
  // A breaker that is broken protects from nothing; it must not stop calls that would succeed.
  onError: 'open',
  create: ({ modelFamily, onChange, ...rules }, { clock, circuits }) => {
    const families = new Map<string, string>();
    const familyOf = (model: string): string => {
      const known = families.get(model);
      if (known !== undefined) return known;
      const family = modelFamily(model);
      if (families.size >= MAX_NAMES) families.clear();
      families.set(model, family);
      return family;
    };
    circuits.use(rules, onChange);
    return {
      handle(request, next, { model, streamed }) {
        const endpoint = request.endpoint?.id ?? originOf(request.url);
        const family = model === undefined ? undefined : familyOf(model);
        return followAttempt(request, next, clock, circuits.admit(endpoint, family, streamed));
      },
      inspect: () =>
        circuits.list().map(({ endpoint, family, state, reason, openUntil, counts }) => ({
          endpoint,
          family,
          state,
          reason,
          openForMs: openUntil === undefined ? undefined : Math.max(0, openUntil - clock.wallTime()),
          completed: counts.completed,
          failed: counts.failed,
          slow: counts.slow,
        })),
    };
  },
});

/** A string cut: a `URL` object costs more than all the rest. */
function originOf(url: string): string {
  const end = url.indexOf('/', url.indexOf('://') + 3);
  return end < 0 ? url : url.slice(0, end);
}
