export { labels } from './labels.ts';
export type { ExplicitLabel, ImplicitLabel, LabelsOptions } from './options.ts';
