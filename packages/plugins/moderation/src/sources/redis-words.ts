import { parseJsonl } from './parse-list.ts';
import type { WordList, WordSource } from './source.ts';

/** What is used of an `ioredis` client or Cluster. */
export interface WordsRedis {
  /** The value of a key. */
  get(key: string): Promise<string | null>;
}

/** Options of {@link redisWords}. */
export interface RedisWordsOptions {
  /**
   * The key that holds the list, as JSON lines.
   *
   * @default 'sluice:words'
   */
  readonly key?: string;
  /**
   * The key that names the list's version. The list is read again when it changes.
   *
   * @default 'sluice:words:version'
   */
  readonly versionKey?: string;
  /** Calls `check` from time to time, and returns what ends that: for instance a subscription. Default: never. */
  readonly onChange?: (changed: () => void) => () => void;
}

/** Words from Redis, shared by all processes. */
export function redisWords(redis: WordsRedis, options: RedisWordsOptions = {}): WordSource {
  const { key = 'sluice:words', versionKey = 'sluice:words:version', onChange } = options;
  return {
    async load(): Promise<WordList> {
      const [text, version] = await Promise.all([redis.get(key), redis.get(versionKey)]);
      if (text === null) throw new Error(`there is no word list under ${key}`);
      return { entries: parseJsonl(text), ...(version === null ? {} : { version }) };
    },
    ...(onChange === undefined ? {} : { watch: onChange }),
  };
}
