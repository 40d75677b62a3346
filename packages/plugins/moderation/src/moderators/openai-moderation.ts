import type { Judgement, Moderator } from './moderator.ts';

/** Options of {@link openaiModeration}. */
export interface OpenaiModerationOptions {
  /** @default 'https://api.openai.com/v1/moderations' */
  readonly url?: string;
  /** The key, or how to get it. */
  readonly apiKey: string | (() => string | Promise<string>);
  /** @default 'omni-moderation-latest' */
  readonly model?: string;
  /**
   * The score from which a category counts, where the endpoint's own flag shall not decide.
   *
   * @default the endpoint's flag
   */
  readonly threshold?: number;
  /** @default the global one */
  readonly fetch?: typeof fetch;
}

/** A moderator that asks a moderation endpoint of OpenAI's form. */
export function openaiModeration(options: OpenaiModerationOptions): Moderator {
  const {
    url = 'https://api.openai.com/v1/moderations',
    model = 'omni-moderation-latest',
    threshold,
  } = options;
  return {
    name: 'openai',
    async judge({ text, signal }): Promise<readonly Judgement[]> {
      const key = typeof options.apiKey === 'string' ? options.apiKey : await options.apiKey();
      const response = await (options.fetch ?? fetch)(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
        body: JSON.stringify({ model, input: text }),
        redirect: 'error',
        signal,
      });
      if (!response.ok) throw new Error(`the moderation endpoint answered ${response.status}`);
      const body = (await response.json()) as {
        readonly results?: readonly {
          readonly categories?: Readonly<Record<string, boolean>>;
          readonly category_scores?: Readonly<Record<string, number>>;
        }[];
      };
      if (!Array.isArray(body.results)) throw new Error('the moderation endpoint gave no results');
      const found = new Set<string>();
      for (const { categories = {}, category_scores: scores = {} } of body.results) {
        for (const [category, flagged] of Object.entries(categories)) {
          if (threshold === undefined ? flagged : (scores[category] ?? 0) >= threshold) found.add(category);
        }
      }
      return [...found].map((category) => ({ category }));
    },
  };
}
