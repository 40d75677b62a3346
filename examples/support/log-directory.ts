import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where the audit log goes. */
export interface LogDirectory extends AsyncDisposable {
  readonly path: string;
}

/** The folder that `AUDIT_DIRECTORY` names, else one that is gone when the example ends. */
export async function logDirectory(): Promise<LogDirectory> {
  const wanted = process.env['AUDIT_DIRECTORY'];
  if (wanted) return { path: wanted, [Symbol.asyncDispose]: async () => {} };
  const path = await mkdtemp(join(tmpdir(), 'sluice-example-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
