import { propagation, trace } from '@opentelemetry/api';
import { type ApiRequest, CLOCK, definePlugin, type OptionSchema, type PluginFactory } from '@sluice/core';
import * as v from 'valibot';
import { Guard } from './guard.ts';
import { type ObservedCall, OBSERVED_CALL } from './observed-call.ts';
import { PROPAGATOR } from './services.ts';
import { withContext } from './with-context.ts';

/** Options of `tracePropagation`. */
export interface TracePropagationOptions {
  /**
   * Ids of the endpoints that are told: gateways and models of your own. A provider has no use for your ids.
   *
   * @default all
   */
  readonly endpoints?: readonly string[];
}

const options: OptionSchema<TracePropagationOptions> = v.strictObject({
  endpoints: v.exactOptional(
    v.pipe(
      v.array(v.string('must be the id of an endpoint'), 'must be a list of ids of endpoints'),
      v.minLength(1, 'names no endpoint; leave the plugin out'),
    ),
  ),
});

/**
 * Sends trace context along with each attempt, written by the application's propagator: `traceparent` names the span of
 * the attempt. Never baggage: what an app keeps there is not for others. Stands innermost, and needs `telemetry`.
 */
export const tracePropagation: PluginFactory<TracePropagationOptions> = definePlugin({
  name: 'trace-propagation',
  inside: [
    'telemetry',
    'audit',
    'identity',
    'labels',
    'moderation',
    'cache',
    'rate-limit',
    'retry',
    'region-routing',
    'circuit-breaker',
    'credentials',
  ],
  needs: { clock: CLOCK, propagator: PROPAGATOR },
  onError: 'open',
  options,
  create: ({ endpoints }, { clock, propagator }) => {
    const guard = new Guard(clock);

    const prepared = (call: ObservedCall, request: ApiRequest) => {
      try {
        const span = call.beginAttempt(request);
        const active = trace.setSpan(propagation.deleteBaggage(call.context), span);
        const headers = { ...request.headers };
        propagator.inject(active, headers, {
          set: (carrier, name, value) => {
            carrier[name.toLowerCase()] = value;
          },
        });
        return { span, active, sent: { ...request, headers } };
      } catch (error) {
        guard.failed(error);
        return undefined;
      }
    };

    return {
      handle(request, next, ctx) {
        const call = ctx.state.get(OBSERVED_CALL);
        const isTold =
          endpoints === undefined ||
          (request.endpoint !== undefined && endpoints.includes(request.endpoint.id));
        const traced = call === undefined || !isTold ? undefined : prepared(call, request);
        if (call === undefined || traced === undefined) return next(request);
        const before = ctx.history.length;
        const answer = withContext(traced.active, () => next(traced.sent), guard);
        const attempt = ctx.history[before];
        // None was begun when the last check refused it: no region that it may be sent to.
        if (attempt === undefined) traced.span.end();
        else call.adopt(attempt, traced.span);
        return answer;
      },
    };
  },
});
