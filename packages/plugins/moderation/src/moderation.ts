import {
  CLOCK,
  definePlugin,
  isEventStream,
  type PluginFactory,
  readJson,
  transformStream,
  withJson,
} from '@sluice/core';
import { Blocked, CallModeration } from './call-moderation.ts';
import { type ModerationOptions, options } from './options.ts';
import { Rules } from './rules.ts';
import { isAnswer, mapAnswer } from './whole-answer.ts';

const DEFAULT_ANSWER_BYTES = 16 * 1024 * 1024;

/**
 * Finds words, personal data and whatever classifiers find, in what goes to the model and in what comes from it, streams
 * included: nothing that is blocked ever reaches the caller, and clean streams pass byte for byte.
 */
export const moderation: PluginFactory<ModerationOptions> = definePlugin({
  name: 'moderation',
  outside: ['cache', 'retry', 'region-routing', 'circuit-breaker', 'credentials'],
  inside: ['identity'],
  needs: { clock: CLOCK },
  options,
  create: (settings: ModerationOptions, { clock }) => {
    const rules = new Rules(settings, clock);
    const { maxAnswerBytes = DEFAULT_ANSWER_BYTES } = settings;
    return {
      start: () => rules.start(),
      close: () => {
        rules.close();
      },
      async handle(request, next, ctx) {
        const { format } = ctx;
        if (format === undefined) return next(request);
        const call = new CallModeration(rules.current, settings, ctx);
        let sent = request;
        try {
          const body = readJson(request);
          const changed = call.input(format, body);
          if (!Object.is(changed, body)) sent = withJson(request, changed);
        } catch (error) {
          if (error instanceof Blocked) return call.refusal.answer(format);
          throw error;
        }
        const response = await next(sent);
        if (!isAnswer(response, format)) return response;
        if (isEventStream(response)) return transformStream(response, call.stream(format));
        try {
          return await mapAnswer(response, maxAnswerBytes, (body) => call.output(format, body));
        } catch (error) {
          if (error instanceof Blocked) return call.refusal.answer(format);
          throw error;
        }
      },
    };
  },
});
