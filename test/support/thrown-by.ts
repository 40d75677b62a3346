/** What a promise rejects with; fails when it does not. */
export function thrownBy(promise: PromiseLike<unknown>): Promise<unknown> {
  return Promise.resolve(promise).then(
    () => {
      throw new Error('it was expected to fail');
    },
    (error: unknown) => error,
  );
}
