import type { Clock } from '@sluice/core';
import { type ChainState, fromText, toText } from '../chain/chain.ts';
import { type Digest, subtreeCount, Tree } from '../chain/tree.ts';
import type { AuditSink, SinkTools } from './sink.ts';

/** As much of an `ioredis` client, or Cluster, as is used. */
export interface RedisStreams {
  /** Sends a command; rejects when the server refuses it. */
  call(command: string, ...args: (string | Buffer | number)[]): Promise<unknown>;
}

/** Options of `redisStreamSink`. */
export interface RedisStreamOptions {
  /**
   * Name of the stream; one for each writer. With Redis Cluster, keep the braces.
   *
   * @default '{sluice-audit}'
   */
  readonly key?: string;
  /** Entries that the stream keeps, about; older ones are dropped. Default: all. */
  readonly maxLength?: number;
  /**
   * A command that is not answered by then has failed, in milliseconds; it is sent again.
   *
   * @default 2_000
   */
  readonly timeoutMs?: number;
}

/**
 * Writes batches to a Redis stream: an entry has the `lines`, and where the chain stands behind them (`state`). The
 * entry's id is made from the first sequence number, so that a batch that is sent twice is there once. Durable as far as
 * the server is (`appendfsync`, replicas). Salts and content stay out.
 */
export function redisStreamSink(redis: RedisStreams, options: RedisStreamOptions = {}): AuditSink {
  const { key = '{sluice-audit}', maxLength, timeoutMs = 2_000 } = options;
  const trim = maxLength === undefined ? [] : ['MAXLEN', '~', maxLength];
  let tools: SinkTools | undefined;
  const send = (command: string, ...args: (string | Buffer | number)[]): Promise<unknown> =>
    within(redis.call(command, ...args), timeoutMs, (tools as SinkTools).clock);

  return {
    name: 'redis',
    async start(given) {
      tools = given;
      const [last] = (await send('XREVRANGE', key, '+', '-', 'COUNT', 1)) as [StreamEntry?];
      return last === undefined ? undefined : stateOf(last);
    },
    async resume(state) {
      const [last] = (await send('XREVRANGE', key, '+', '-', 'COUNT', 1)) as [StreamEntry?];
      const held = last === undefined ? undefined : stateOf(last);
      if (held === undefined || held.tree.size <= state.tree.size) return;
      // The crash came between this sink and another: what only the stream has is kept, under another name.
      const aside = `${key}:ahead:${held.tree.size}`;
      await send('RENAME', key, aside);
      tools?.report({ type: 'recovered', code: 'ahead', facts: { file: aside, bytes: 0 } });
    },
    async write(batch) {
      const { lines, first } = batch;
      const id = `${first + 1}-0`;
      const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength);
      try {
        await send('XADD', key, ...trim, id, 'lines', bytes, 'state', textOf(batch.after));
      } catch (error) {
        // Perhaps it is there already: the answer to the first try was lost.
        const [found] = (await send('XRANGE', key, id, id)) as [StreamEntry?];
        if (found === undefined || found[1][1] !== bytes.toString('utf8')) throw error;
      }
    },
  };
}

type StreamEntry = readonly [id: string, fields: readonly string[]];

/** Reads back what a stream has, in order: records as they are in the chain, one line of JSON each. */
export async function* readRedisStream(redis: RedisStreams, key = '{sluice-audit}'): AsyncGenerator<string> {
  for (let from = '-'; ;) {
    const entries = (await redis.call('XRANGE', key, from, '+', 'COUNT', 100)) as StreamEntry[];
    const last = entries.at(-1);
    if (last === undefined) return;
    for (const [, fields] of entries) yield* (fields[1] ?? '').split('\n').slice(0, -1);
    from = `(${last[0]}`;
  }
}

function textOf({ head, tree }: ChainState): string {
  return [tree.size, toText(head), ...tree.subtrees.map(toText)].join(' ');
}

function stateOf([, fields]: StreamEntry): ChainState {
  const [size = '', ...digests] = (fields[3] ?? '').split(' ');
  const [head, ...subtrees] = digests.map(fromText);
  const known = subtrees.filter((one): one is Digest => one !== undefined);
  if (head === undefined || known.length !== subtreeCount(Number(size)))
    throw new Error(
      'the last entry of the audit stream is not as it was written; give the sink another key.',
    );
  return { head, tree: new Tree(Number(size), known) };
}

function within<T>(answer: Promise<T>, ms: number, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => {
      reject(new Error('Redis did not answer in time'));
    }, ms);
    answer.then(resolve, reject).finally(() => {
      clock.clearTimeout(timer);
    });
  });
}
