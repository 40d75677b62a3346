import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audit } from '@sluice/audit';
import { servePipeline } from '../pipeline.ts';

/** What `audit()` costs a call with its defaults: digests, two records, a write every 20 ms, a sync every second. */
export function start(upstreamUrl: string): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-audit-'));
  process.on('exit', () => {
    rmSync(directory, { recursive: true, force: true });
  });
  return servePipeline(upstreamUrl, [audit({ directory })]);
}
