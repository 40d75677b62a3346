/** Results between their end and the consumer. */
export interface Delivery<T> {
  /** Takes a result in; `sequence` counts the calls from 0 in the order in which they began. */
  put(sequence: number, result: T): void;
  /** The next result to hand out, or undefined when it has not ended yet. */
  take(): T | undefined;
}

/** Each result as soon as it is there. */
export function asCompleted<T>(): Delivery<T> {
  const results: T[] = [];
  return {
    put: (_, result) => void results.push(result),
    take: () => results.shift(),
  };
}

/** Results in the order of their items: what ends early is held back. */
export function inOrder<T>(): Delivery<T> {
  const held = new Map<number, T>();
  let next = 0;
  return {
    put: (sequence, result) => void held.set(sequence, result),
    take() {
      const result = held.get(next);
      if (result !== undefined) held.delete(next++);
      return result;
    },
  };
}
