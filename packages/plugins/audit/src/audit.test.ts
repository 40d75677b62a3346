import { expect, test } from 'vitest';
import { auditFolder, auditPipeline } from '../../../../test/support/audit.ts';
import { verifyLog } from './verify/verify.ts';

test('smoke', async () => {
  await using folder = await auditFolder();
  for (let i = 0; i < 2; i++) {
    await using pipe = auditPipeline(folder, { durability: 'sync' });
    await (await pipe.post()).text();
    await (await pipe.post()).text();
  }
  console.log(await folder.text());
  const r = await verifyLog(folder);
  console.log(r);
  expect(r.state).toBe('intact');
});
