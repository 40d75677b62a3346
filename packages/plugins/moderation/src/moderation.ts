import {
  CLOCK,
  definePlugin,
  isEventStream,
  mapJsonAnswer,
  type PluginFactory,
  readJson,
  type TextPart,
  transformStream,
  withJson,
} from '@sluice/core';
import { Blocked, CallModeration } from './call-moderation.ts';
import { type ModerationOptions, options } from './options.ts';
import { Panel } from './moderators/panel.ts';
import { Rules } from './rules.ts';
import { STRIKE_STORE } from './strikes/strike-store.ts';
import { Strikes } from './strikes/strikes.ts';

const DEFAULT_ANSWER_BYTES = 16 * 1024 * 1024;

/**
 * Finds words, personal data and whatever classifiers find, in what goes to the model and in what comes from it, streams
 * included: nothing that is blocked ever reaches the caller, and clean streams pass byte for byte.
 */
export const moderation: PluginFactory<ModerationOptions> = definePlugin({
  name: 'moderation',
  outside: ['cache', 'retry', 'region-routing', 'circuit-breaker', 'credentials'],
  inside: ['identity'],
  needs: { clock: CLOCK, strikeStore: STRIKE_STORE },
  options,
  create: (settings: ModerationOptions, { clock, strikeStore }) => {
    const rules = new Rules(settings, clock);
    const panel = new Panel(settings.moderators ?? [], clock);
    const strikes = new Strikes(settings.strikes, strikeStore, clock);
    const { maxAnswerBytes = DEFAULT_ANSWER_BYTES } = settings;
    const except = new Set<TextPart['channel']>(settings.except ?? ['tool-definition']);
    return {
      start: () => rules.start(),
      close: () => {
        rules.close();
      },
      async handle(request, next, ctx) {
        const { format } = ctx;
        if (format === undefined) return next(request);
        const { signal } = request;
        const body = readJson(request);
        const checked = strikes.check(ctx, body);
        const holders = checked instanceof Promise ? await checked : checked;
        const call = new CallModeration(rules.current, settings, except, ctx);
        let sent = request;
        try {
          const changed = call.input(format, body);
          if (panel.judges('input')) await call.judge('input', format, changed, panel, signal);
          call.whole(format, body);
          if (!Object.is(changed, body)) sent = withJson(request, changed);
        } catch (error) {
          if (!(error instanceof Blocked)) throw error;
          await strikes.note(holders, true);
          return call.refusal.answer(format);
        }
        if (holders.length > 0) await strikes.note(holders, false);
        const response = await next(sent);
        if (response.status > 299) return response;
        if (isEventStream(response)) {
          const reviewed = panel.judges('output')
            ? transformStream(response, call.review(format, panel, clock, signal))
            : response;
          return transformStream(reviewed, call.stream(format));
        }
        try {
          return await mapJsonAnswer(response, maxAnswerBytes, (body) =>
            panel.judges('output')
              ? call.judge('output', format, body, panel, signal).then(() => call.output(format, body))
              : call.output(format, body),
          );
        } catch (error) {
          if (error instanceof Blocked) return call.refusal.answer(format);
          throw error;
        }
      },
    };
  },
});
