import { createPipeline } from '@sluice/core';
import type { Signer } from '../chain/note.ts';
import { FileSink } from '../files/file-sink.ts';
import { AuditLog } from '../log/audit-log.ts';
import type { Progress } from './erasure.ts';
import { holdOnRecord } from './hold-on-record.ts';
import type { HoldSelector } from './retention.ts';
import { Upkeep } from './upkeep.ts';

/** A log that no process writes, opened for upkeep. */
export interface OfflineLog {
  /** Erases content; returns how many entries are gone. */
  erase(selector: HoldSelector, onProgress: Progress): Promise<number>;
  /** Closes the log. */
  close(): Promise<void>;
}

/** Opens a log to erase content from it. */
export async function openOffline(options: {
  readonly directory: string;
  readonly log: string;
  readonly signer: Signer | undefined;
  readonly warn: (text: string) => void;
}): Promise<OfflineLog> {
  const { directory, log: name, signer } = options;
  // For its clock.
  const { clock } = createPipeline({ upstream: 'http://localhost' });
  const sink = new FileSink(
    {
      directory,
      log: name,
      durability: 'sync',
      syncEveryMs: 1_000,
      rotateBytes: Infinity,
      rotateMs: Infinity,
    },
    clock,
  );
  const alert: ConstructorParameters<typeof Upkeep>[0]['alert'] = ({ type, facts }) => {
    options.warn(`${type}: ${JSON.stringify(facts)}`);
  };
  const log = new AuditLog(
    [sink],
    {
      durability: 'sync',
      onOverflow: 'block',
      maxQueueBytes: 1 << 20,
      maxBlockMs: 5_000,
      writeEveryMs: 1,
      // Whoever writes the log says what is held.
      legalHold: undefined,
      origin: `sluice-audit/${name}`,
      signer,
      // Where others sign, an unsigned checkpoint would look like a forged one.
      checkpointEveryRecords: signer === undefined ? Infinity : 10_000,
      checkpointEveryMs: Infinity,
      publish: undefined,
      alert,
    },
    clock,
    'sluice-audit',
  );
  await log.start();
  const upkeep = new Upkeep({
    directory,
    log: name,
    retention: {},
    legalHold: await holdOnRecord(directory, name),
    clock,
    alert,
    rotate: () => log.between((size) => sink.rotate(size)),
    control: (type, members) => log.control(type, members),
  });
  return { erase: (selector, onProgress) => upkeep.erase(selector, onProgress), close: () => log.close() };
}
