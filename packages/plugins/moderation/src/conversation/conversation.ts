import type { TextPart } from '@sluice/core';
import type { Find, Finder } from '../finder.ts';
import { findAcross } from './seams.ts';
import { isAbout, type TopicRule } from './topic.ts';

/** Rules about several messages at once. */
export interface ConversationOptions {
  /**
   * How many of the caller's messages in a row a word may be spread over and is found all the same; 1 looks at each
   * message by itself, 20 is the most. What is found counts as part of the message that it ends in.
   *
   * @default 1
   */
  readonly acrossMessages?: number;
  /**
   * Subjects that are carried over several messages.
   *
   * @default []
   */
  readonly topics?: readonly TopicRule[];
}

/** A find about several messages, and the message that it is told of. */
export interface ConversationFind {
  readonly find: Find;
  readonly message: number;
}

/** What a caller has said in one conversation, as one request tells it. */
export class Conversation {
  readonly #options: ConversationOptions;
  readonly #texts = new Map<number, string>();
  readonly #found = new Map<number, Set<string>>();

  constructor(options: ConversationOptions) {
    this.#options = options;
  }

  /** Takes note of a text that goes in. Only what the caller says counts: an answer's own words are not held against it. */
  said({ message, channel, text }: TextPart): void {
    if (message === undefined || channel !== 'message') return;
    this.#texts.set(message, (this.#texts.get(message) ?? '') + text);
  }

  /** Takes note of a find in a message. */
  found({ message, channel }: Pick<TextPart, 'message' | 'channel'>, category: string): void {
    if (message === undefined || channel !== 'message') return;
    const categories = this.#found.get(message);
    if (categories === undefined) this.#found.set(message, new Set([category]));
    else categories.add(category);
  }

  /** Words that are spread over several messages. */
  spread(finder: Finder): ConversationFind[] {
    const { acrossMessages = 1 } = this.#options;
    if (acrossMessages < 2) return [];
    const messages = [...this.#texts.keys()].sort((a, b) => a - b);
    const texts = messages.map((message) => this.#texts.get(message) as string);
    return findAcross(finder, texts, acrossMessages).map(({ find, stretches }) => ({
      find,
      message: messages[(stretches.at(-1) ?? stretches[0]).place] as number,
    }));
  }

  /** Topics that the messages together are about. */
  topics(): ConversationFind[] {
    const { topics = [] } = this.#options;
    if (topics.length === 0) return [];
    const messages = [...this.#texts.keys()].sort((a, b) => a - b);
    const found = messages.map((message) => this.#found.get(message) ?? new Set<string>());
    const message = messages.at(-1) ?? 0;
    return topics
      .filter((topic) => isAbout(topic, found))
      .map(({ name, category = 'topic', severity = 'high' }) => ({
        find: { start: 0, end: 0, rule: `topic:${name}`, category, severity },
        message,
      }));
  }
}
