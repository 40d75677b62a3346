export type { DetectorName } from './detect/detectors.ts';
export { moderation } from './moderation.ts';
export type { Judgement, Moderator, Question } from './moderators/moderator.ts';
export type { ModerationOptions, RefusalOptions } from './options.ts';
export { type Action, type ActionRule, type Direction, type Finding, PERSONAL_DATA } from './policy.ts';
export type { WordList, WordSource } from './sources/source.ts';
export type { StrikeOptions } from './strikes/strikes.ts';
export type { Severity, WordEntry } from './words/entry.ts';
