export { batch } from './batch.ts';
export type { BatchOptions } from './options.ts';
export type { BatchProgress } from './progress.ts';
export { readRequests } from './read-requests.ts';
export type { BatchRequest } from './request.ts';
export { resultLine } from './result-line.ts';
export type {
  BatchResult,
  BatchResults,
  CanceledItem,
  ErroredItem,
  ItemResult,
  SucceededItem,
} from './result.ts';
export { type ResultsFile, resultsFile, type ResultsFileOptions } from './results-file.ts';
