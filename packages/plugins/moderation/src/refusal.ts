import { type Context, type Format, PipelineError, refusedAnswer } from '@sluice/core';
import type { RefusalOptions } from './options.ts';

const DEFAULTS = {
  en: 'This content cannot be processed because it goes against the rules of this service.',
  zh: '该内容不符合本服务的使用规范，无法处理。',
};

/** Says no to one call. */
export class Refusal {
  readonly #options: RefusalOptions;
  readonly #ctx: Context;
  readonly #sentence: string;

  /** @param chinese Whether the caller writes Chinese. */
  constructor(options: RefusalOptions, ctx: Context, chinese: boolean) {
    const { language = 'auto' } = options;
    const tongue = language === 'auto' ? (chinese ? 'zh' : 'en') : language;
    this.#options = options;
    this.#ctx = ctx;
    this.#sentence = options[tongue] ?? DEFAULTS[tongue];
  }

  /** Whether the answer is a message, and not an error. */
  get asMessage(): boolean {
    return this.#options.as === 'message';
  }

  /** What is said. */
  get sentence(): string {
    return this.#sentence;
  }

  /** The refusal as what a plugin throws. */
  error(): PipelineError {
    return new PipelineError('content_blocked', { plugin: 'moderation', message: this.#sentence });
  }

  /** Answers a call that is not sent, or whose answer is thrown away. */
  answer(format: Format): Response {
    if (!this.asMessage) throw this.error();
    const { id, model, streamed } = this.#ctx;
    if (!streamed) {
      const body = format.refusalBody(this.#sentence, id, model);
      const headers = { 'content-type': 'application/json', 'x-should-retry': 'false' };
      return refusedAnswer(new Response(body, { headers }), format, this.error());
    }
    const events = format.streamEnding(id, model).refuse(this.#sentence);
    const bytes = Buffer.concat(events.map(({ raw }) => raw));
    const headers = { 'content-type': 'text/event-stream; charset=utf-8' };
    return refusedAnswer(new Response(bytes, { headers }), format, this.error());
  }
}
