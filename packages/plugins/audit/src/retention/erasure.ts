import { randomBytes } from 'node:crypto';
import { open, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../files/segment.ts';
import { besideFile, type SegmentName } from '../files/names.ts';
import { quoted } from '../record/write.ts';
import { selects } from '../verify/beside-check.ts';
import { readLines } from '../verify/line-reader.ts';
import { type ReadRecord, readSegment } from './segments.ts';
import type { HoldSelector, LegalHold } from './retention.ts';

/** Progress of something long: files done, of all. */
export type Progress = (done: number, all: number) => void;

/** The calls of certain callers, by the ids that stand in what is beside. */
export async function callsOf(
  directory: string,
  segments: readonly SegmentName[],
  selectors: readonly HoldSelector[],
  onProgress?: Progress,
): Promise<Set<string>> {
  const calls = new Set<string>();
  if (selectors.length === 0) return calls;
  const wanted = selectors.map(asWritten);
  for (const [index, { file }] of segments.entries()) {
    await readSegment(
      join(directory, file),
      (record) => {
        if (wanted.some((selector) => selects(selector, ownerOf(record)))) calls.add(String(record['call']));
        return undefined;
      },
      wanted.map(hintOf),
    );
    onProgress?.(index + 1, segments.length);
  }
  return calls;
}

/** Removes lines from what is beside a segment. What the rest says stays byte for byte. Returns how many are gone. */
export async function dropBeside(
  directory: string,
  file: string,
  drops: (call: string) => boolean,
): Promise<number> {
  const path = join(directory, besideFile(file));
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return 0;
  let dropped = 0;
  const kept: Buffer[] = [];
  try {
    await readLines(handle, 0, (buffer, start, end) => {
      const call = CALL.exec(buffer.toString('latin1', start, Math.min(end, start + 120)))?.[1] ?? '';
      if (drops(call)) dropped++;
      else kept.push(Buffer.from(buffer.subarray(start, end + 1)));
      return undefined;
    });
  } finally {
    await handle.close();
  }
  if (dropped === 0) return 0;
  if (kept.length === 0) {
    await unlink(path);
  } else {
    const fresh = `${path}.new`;
    await writeFile(fresh, Buffer.concat(kept), { mode: 0o600, flush: true });
    await rename(fresh, path);
  }
  await syncDirectory(directory);
  return dropped;
}

const CALL = /^\{"seq":\d+,"call":"([^"]+)"/;

/** Whether a record's caller is under legal hold. */
export function isHeld(record: ReadRecord, hold: LegalHold): boolean {
  return hold === true || hold.some((one) => selects(asWritten(one), ownerOf(record)));
}

/** Texts of which a record of a held caller has one. */
export function holdHints(hold: LegalHold): readonly string[] {
  return hold === true ? [] : hold.map((one) => hintOf(asWritten(one)));
}

/** Asks the process that writes a log to erase content. It does so within a minute. */
export async function requestErasure(directory: string, log: string, selector: HoldSelector): Promise<void> {
  const path = join(directory, `${log}.${randomBytes(8).toString('hex')}${REQUEST}`);
  await writeFile(`${path}.new`, JSON.stringify(selector), { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
}

/** Erasures that were asked for and are not done. */
export async function erasureRequests(
  directory: string,
  log: string,
): Promise<{ readonly selector: HoldSelector; done(): Promise<void> }[]> {
  const files = (await readdir(directory)).filter(
    (file) => file.startsWith(`${log}.`) && file.endsWith(REQUEST),
  );
  return Promise.all(
    files.map(async (file) => {
      const path = join(directory, file);
      const selector = JSON.parse(await readFile(path, 'utf8')) as HoldSelector;
      return { selector, done: () => rm(path, { force: true }) };
    }),
  );
}

const REQUEST = '.erase-request';

function ownerOf(record: ReadRecord): {
  readonly tenant: string | undefined;
  readonly subject: string | undefined;
} {
  const { tenant, principal } = record as { readonly tenant?: string; readonly principal?: string };
  return { tenant, subject: principal };
}

/** A name in the form that records have it: bounded and without secrets. */
function asWritten({ tenant, subject }: HoldSelector): HoldSelector {
  return {
    ...(tenant === undefined ? {} : { tenant: JSON.parse(quoted(tenant)) as string }),
    ...(subject === undefined ? {} : { subject: JSON.parse(quoted(subject)) as string }),
  };
}

function hintOf({ tenant, subject }: HoldSelector): string {
  return subject === undefined ? `"tenant":${quoted(tenant ?? '')}` : `"principal":${quoted(subject)}`;
}
