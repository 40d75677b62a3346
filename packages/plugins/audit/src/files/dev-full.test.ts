import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { fakeClock } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { auditFolder } from '../../../../../test/support/audit.ts';
import { newChain, Sealer } from '../chain/chain.ts';
import { newKey } from '../chain/salts.ts';
import { FileSink } from './file-sink.ts';

test('/dev/full is a disk without room: nothing is taken for written', async () => {
  // Linux alone has it.
  if (!existsSync('/dev/full')) return;
  await using folder = await auditFolder();
  const clock = fakeClock();
  const sink = new FileSink(
    {
      directory: folder.directory,
      log: 'audit',
      durability: 'sync',
      syncEveryMs: 1_000,
      rotateBytes: 1e9,
      rotateMs: 1e9,
      open: () => open('/dev/full', 'a+'),
    },
    clock,
  );
  await sink.start({ clock, report: () => undefined });
  const key = newKey();
  const sealer = new Sealer(newChain(), key);
  sealer.add('"type":"start"');
  const batch = { lines: sealer.take(), beside: new Uint8Array(), first: 0, count: 1, key };
  await expect(sink.write({ ...batch, before: newChain(), after: sealer.state })).rejects.toThrow('ENOSPC');
  await sink.close();
});
