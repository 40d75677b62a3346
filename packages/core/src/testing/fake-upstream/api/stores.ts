/** The message batches of one fake upstream, by id, oldest first. */
export type BatchStore = Map<string, { readonly batch: object; readonly requests: readonly unknown[] }>;

/** A batch of OpenAI's Batch API. */
export type OpenaiBatch = Readonly<Record<string, unknown>> & { readonly id: string };

/** The batches of OpenAI's Batch API, by id, oldest first. */
export type OpenaiBatchStore = Map<string, OpenaiBatch>;

/** The files of one fake upstream, by id, oldest first. */
export type FileStore = Map<
  string,
  { readonly name: string; readonly type: string; readonly content: Buffer }
>;
