import type { AuditBatch, AuditSink, SinkTools } from './sink.ts';

/** Options of `inBackground`. */
export interface InBackgroundOptions {
  /**
   * Bytes of records and content that may wait for the sink; beyond, the oldest are given up.
   *
   * @default 16_777_216
   */
  readonly maxBacklogBytes?: number;
}

const RETRY_MS = 1_000;
const CLOSE_WITHIN_MS = 2_000;

/**
 * Lets a sink follow at its own pace: no call waits for it, and what it fails is tried again. A sink that falls too far
 * behind misses records. That is an alert, a record in the chain, and a gap in the sequence numbers that it holds.
 */
export function inBackground(
  sink: AuditSink,
  { maxBacklogBytes = 16 << 20 }: InBackgroundOptions = {},
): AuditSink {
  const backlog: AuditBatch[] = [];
  let bytes = 0;
  let tools: SinkTools | undefined;
  let working: Promise<void> | undefined;
  let giveUpAt = Infinity;
  let wake: (() => void) | undefined;

  const work = async (clock: SinkTools['clock']): Promise<void> => {
    for (let batch = backlog[0]; batch !== undefined; batch = backlog[0]) {
      try {
        await sink.write(batch);
        // It may have been given up meanwhile.
        if (backlog[0] === batch) {
          backlog.shift();
          bytes -= bytesOf(batch);
        }
      } catch (error) {
        if (clock.now() >= giveUpAt) throw error;
        await new Promise<void>((resolve) => {
          wake = resolve;
          clock.setTimeout(resolve, RETRY_MS);
        });
        if (clock.now() >= giveUpAt) throw error;
      }
    }
  };

  return {
    name: sink.name,
    get wantsKey() {
      return sink.wantsKey ?? false;
    },
    async start(given) {
      tools = given;
      await sink.start?.(given);
      // It says nothing of where to go on: it may be behind.
      return undefined;
    },
    async resume(state) {
      await sink.resume?.(state);
    },
    async write(batch) {
      backlog.push(batch);
      bytes += bytesOf(batch);
      let missed = 0;
      while (bytes > maxBacklogBytes) {
        const given = backlog.shift() as AuditBatch;
        bytes -= bytesOf(given);
        missed += given.count;
      }
      if (missed > 0)
        tools?.report({ type: 'fault', code: 'behind', facts: { file: sink.name, records: missed } });
      working ??= work((tools as SinkTools).clock).finally(() => {
        working = undefined;
      });
      // Told when closing.
      working.catch(() => undefined);
    },
    async close() {
      const clock = tools?.clock;
      if (clock !== undefined) giveUpAt = clock.now() + CLOSE_WITHIN_MS;
      wake?.();
      try {
        await working;
      } finally {
        await sink.close?.();
      }
    },
  };
}

function bytesOf({ lines, beside }: AuditBatch): number {
  return lines.length + beside.length;
}
