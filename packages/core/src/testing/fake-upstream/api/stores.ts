/** The message batches of one fake upstream, by id, oldest first. */
export type BatchStore = Map<string, { readonly batch: object; readonly requests: readonly unknown[] }>;

/** The files of one fake upstream, by id, oldest first. */
export type FileStore = Map<
  string,
  { readonly name: string; readonly type: string; readonly content: Buffer }
>;
