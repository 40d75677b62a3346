import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyLog, type VerifyReport } from '@sluice/audit';

/** Changes one byte in the middle of a copy of an audit log, and has the copy verified. */
export async function verifyTampered(directory: string): Promise<VerifyReport> {
  const copy = await mkdtemp(join(tmpdir(), 'sluice-tampered-'));
  try {
    await cp(directory, copy, { recursive: true });
    const [segment = ''] = (await readdir(copy)).filter((file) => /\.\d{6}\.jsonl$/.test(file)).toSorted();
    const bytes = await readFile(join(copy, segment));
    const middle = bytes.length >> 1;
    bytes.writeUInt8((bytes.readUInt8(middle) & 0x7f) ^ 1, middle);
    await writeFile(join(copy, segment), bytes);
    return await verifyLog({ directory: copy });
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
