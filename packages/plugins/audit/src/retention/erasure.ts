import { randomBytes } from 'node:crypto';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SegmentName } from '../files/names.ts';
import { writeWhole } from '../files/segment.ts';
import { quotedName } from '../record/write.ts';
import { selects } from '../verify/beside-check.ts';
import { type ReadRecord, readSegment } from './segments.ts';
import type { HoldSelector, LegalHold } from './retention.ts';

/** Progress of something long: files done, of all. */
export type Progress = (done: number, all: number) => void;

/** The calls of certain callers. */
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
  await writeWhole(`${path}.new`, JSON.stringify(selector));
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

/** Names in the form that records have them: bounded and without secrets. */
export function asWritten({ tenant, subject }: HoldSelector): HoldSelector {
  return {
    ...(tenant === undefined ? {} : { tenant: JSON.parse(quotedName(tenant)) as string }),
    ...(subject === undefined ? {} : { subject: JSON.parse(quotedName(subject)) as string }),
  };
}

function hintOf({ tenant, subject }: HoldSelector): string {
  return subject === undefined
    ? `"tenant":${quotedName(tenant ?? '')}`
    : `"principal":${quotedName(subject)}`;
}
