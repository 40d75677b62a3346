export type { DetectorName } from './detect/detectors.ts';
export { CATEGORIES, type Category, shortCategories } from './categories.ts';
export { evaluate, type EvaluateOptions, type Evaluation, type Prompt } from './cli/evaluate.ts';
export type { Rate } from './cli/interval.ts';
export type { ConversationOptions } from './conversation/conversation.ts';
export type { TopicRule } from './conversation/topic.ts';
export { moderation } from './moderation.ts';
export type { Judgement, Moderator, Question } from './moderators/moderator.ts';
export { openaiModeration, type OpenaiModerationOptions } from './moderators/openai-moderation.ts';
export type { ListReport, ModerationOptions, RefusalOptions } from './options.ts';
export type { PatternRule } from './patterns/pattern-finder.ts';
export { type Action, type ActionRule, type Direction, type Finding, PERSONAL_DATA } from './policy.ts';
export { fileWords, type FileWordsOptions } from './sources/file-words.ts';
export { redisWords, type RedisWordsOptions, type WordsRedis } from './sources/redis-words.ts';
export type { WordList, WordSource } from './sources/source.ts';
export { redisStrikeStore, type StrikeRedis } from './strikes/redis-strike-store.ts';
export {
  memoryStrikeStore,
  STRIKE_STORE,
  type StrikeCount,
  type StrikeStore,
} from './strikes/strike-store.ts';
export type { StrikeHolder, StrikeOptions } from './strikes/strikes.ts';
export type { Severity, WordEntry } from './words/entry.ts';
