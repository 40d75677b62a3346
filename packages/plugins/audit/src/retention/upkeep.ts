import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, TimerHandle } from '@sluice/core';
import type { EndedFiles } from '../files/file-sink.ts';
import { firstLine } from '../files/first-line.ts';
import { readHeader, type SegmentHeader } from '../files/header.ts';
import { allFilesOf, listSegments, type SegmentName } from '../files/names.ts';
import { syncDirectory } from '../files/segment.ts';
import type { AuditAlert } from '../log/settings.ts';
import { asWritten, callsOf, erasureRequests, holdHints, isHeld, type Progress } from './erasure.ts';
import { holdMember } from './hold-on-record.ts';
import { replaceContent, type Replacement, replaceSalts } from './replacement.ts';
import type { HoldSelector, LegalHold, RetentionOptions } from './retention.ts';
import { readSegment } from './segments.ts';

const LOOK_EVERY_MS = 60_000;
const DAY_MS = 86_400_000;
/** A wall clock that has moved by more than this against the other one is not believed: it would retire too much. */
const MAX_JUMP_MS = 3_600_000;

/** What upkeep works on. */
export interface UpkeepParts {
  readonly directory: string;
  readonly log: string;
  readonly retention: RetentionOptions;
  readonly legalHold: LegalHold;
  readonly clock: Clock;
  readonly alert: (alert: AuditAlert) => void;
  /** Ends the file that is being written, and has it on the disk. */
  readonly rotate: () => Promise<EndedFiles>;
  /** Adds a record of the log's own; resolves when it is written. */
  readonly control: (type: string, members: string) => Promise<void>;
}

/** Erases what was asked for, and retires what is old. */
export class Upkeep {
  readonly #parts: UpkeepParts;
  #timer: TimerHandle;
  #working: Promise<void> | undefined;
  #closed = false;
  readonly #wallOffset: number;
  #jumped = false;
  /** Time of the youngest record in finished files, which do not change. */
  readonly #youngest = new Map<string, number>();
  /** Files whose content was retired; what is left in them is held. */
  readonly #emptied = new Set<string>();

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
    this.#wallOffset = parts.clock.wallTime() - parts.clock.now();
  }

  /** Looks now, and then again and again. */
  start(): void {
    this.#later();
    this.#work();
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#parts.clock.clearTimeout(this.#timer);
    await this.#working;
  }

  #later(): void {
    this.#timer = this.#parts.clock.setTimeout(() => {
      this.#later();
      this.#work();
    }, LOOK_EVERY_MS);
  }

  #work(): void {
    this.#working ??= this.#once().finally(() => {
      this.#working = undefined;
    });
  }

  async #once(): Promise<void> {
    const { directory, log, alert } = this.#parts;
    try {
      for (const request of await erasureRequests(directory, log)) {
        if (this.#closed) return;
        await this.erase(request.selector);
        await request.done();
      }
      await this.#retire();
    } catch (error) {
      alert({ type: 'retention-failed', facts: {}, error });
    }
  }

  /** Removes salts and content of a caller; what stands in the chain stays, and still verifies. */
  async erase(selector: HoldSelector, onProgress?: Progress): Promise<number> {
    const { directory, log, legalHold, control, rotate } = this.#parts;
    if (legalHold === true) throw new Error('nothing is erased: everything is under legal hold');
    const { ordinal, size: before } = await rotate();
    const segments = (await listSegments(directory, log)).filter((one) => one.ordinal <= ordinal);
    const calls = await callsOf(directory, segments, [selector]);
    for (const held of await callsOf(directory, segments, legalHold)) calls.delete(held);
    const members = `"selector":${JSON.stringify(asWritten(selector))}`;
    const replacements = await this.#prepare(segments, (call) => calls.has(call), onProgress);
    // The request stays until all is done: a crash before that has it done again.
    const entries = await this.#replace(replacements, `${members},"before":${before}`);
    await control('erasure-completed', `${members},"entries":${entries}`);
    return entries;
  }

  async #prepare(
    segments: readonly SegmentName[],
    drops: (call: string) => boolean,
    onProgress?: Progress,
  ): Promise<Replacement[]> {
    const { directory } = this.#parts;
    const prepared: Replacement[] = [];
    for (const [index, { file }] of segments.entries()) {
      const both = [await replaceSalts(directory, file, drops), await replaceContent(directory, file, drops)];
      prepared.push(...both.filter((one) => one !== undefined));
      onProgress?.(index + 1, segments.length);
    }
    return prepared;
  }

  /** Says what will be missing, and by what it is replaced; when the disk has that, replaces it. */
  async #replace(replacements: readonly Replacement[], members: string): Promise<number> {
    const { control, rotate, directory } = this.#parts;
    await control('erased', members);
    for (const { segment, digest } of replacements)
      if (digest !== undefined)
        await control('salts', `"file":${JSON.stringify(segment)},"digest":"${digest}"`);
    // Lest a power cut leave something missing that nothing explains.
    await rotate();
    for (const one of replacements) await one.commit();
    await syncDirectory(directory);
    return replacements.reduce((sum, { dropped }) => sum + dropped, 0);
  }

  async #retire(): Promise<void> {
    const { retention, legalHold, clock, alert, directory, log } = this.#parts;
    const { recordDays, contentDays } = retention;
    if (legalHold === true || (recordDays === undefined && contentDays === undefined)) return;
    const jumpMs = clock.wallTime() - clock.now() - this.#wallOffset;
    if (Math.abs(jumpMs) > MAX_JUMP_MS) {
      if (!this.#jumped)
        alert({ type: 'retention-failed', facts: { code: 'clock-jump', ms: Math.round(jumpMs) } });
      this.#jumped = true;
      return;
    }
    // The last one is being written, or says where to go on.
    const segments = (await listSegments(directory, log)).slice(0, -1);
    if (recordDays !== undefined) await this.#retireRecords(segments, recordDays);
    if (contentDays !== undefined) await this.#retireContent(segments, contentDays);
  }

  async #retireRecords(segments: readonly SegmentName[], days: number): Promise<void> {
    const { directory, log, legalHold, control } = this.#parts;
    const old: SegmentName[] = [];
    for (const segment of segments) {
      // Only from the beginning: a hole in the middle could not be told from tampering.
      if (!(await this.#isOlder(segment, days)) || (await this.#holds(segment))) break;
      old.push(segment);
    }
    if (old.length === 0 || this.#closed) return;
    const [kept] = (await listSegments(directory, log)).filter(
      ({ ordinal }) => ordinal > (old.at(-1)?.ordinal ?? 0),
    );
    const header = kept === undefined ? undefined : await headerOf(join(directory, kept.file));
    if (header === undefined) return;
    const files = old.map(({ file }) => file);
    // The record of the start, which says what is held, may be in one of them.
    const members = `"before":${header.state.tree.size},"files":${JSON.stringify(files)}`;
    await control('retired', `${members},${holdMember(legalHold)}`);
    for (const file of files) {
      for (const gone of allFilesOf(file)) await rm(join(directory, gone), { force: true });
    }
    await syncDirectory(directory);
  }

  async #retireContent(segments: readonly SegmentName[], days: number): Promise<void> {
    const { directory, log, legalHold, control } = this.#parts;
    const old: SegmentName[] = [];
    for (const segment of segments) {
      if (!(await this.#isOlder(segment, days))) break;
      if (!this.#emptied.has(segment.file)) old.push(segment);
    }
    const last = old.at(-1);
    if (last === undefined || this.#closed) return;
    const held = await callsOf(directory, segments, legalHold === true ? [] : legalHold);
    const next = (await listSegments(directory, log)).find(({ ordinal }) => ordinal > last.ordinal);
    const header = next === undefined ? undefined : await headerOf(join(directory, next.file));
    if (header === undefined) return;
    const replacements = await this.#prepare(old, (call) => !held.has(call));
    if (replacements.length > 0) {
      const entries = await this.#replace(
        replacements,
        `"selector":{"all":true},"before":${header.state.tree.size}`,
      );
      await control('erasure-completed', `"selector":{"all":true},"entries":${entries}`);
    }
    for (const { file } of old) this.#emptied.add(file);
  }

  async #isOlder({ file }: SegmentName, days: number): Promise<boolean> {
    const { directory, clock } = this.#parts;
    let youngest = this.#youngest.get(file) ?? -Infinity;
    if (youngest === -Infinity) {
      await readSegment(join(directory, file), ({ time }) => {
        youngest = Math.max(youngest, Date.parse(String(time)));
        return undefined;
      });
      this.#youngest.set(file, youngest);
    }
    // A start on a full disk, or a kill, leaves a file without records: it is as old as the next one.
    if (youngest === -Infinity) return true;
    return youngest > 0 && clock.wallTime() - youngest >= days * DAY_MS;
  }

  async #holds({ file }: SegmentName): Promise<boolean> {
    const { directory, legalHold } = this.#parts;
    if (legalHold === true) return true;
    if (legalHold.length === 0) return false;
    let held = false;
    await readSegment(
      join(directory, file),
      (record) => {
        held = isHeld(record, legalHold);
        return held ? false : undefined;
      },
      holdHints(legalHold),
    );
    return held;
  }
}

/** The header of a segment. */
async function headerOf(path: string): Promise<SegmentHeader | undefined> {
  return readHeader((await firstLine(path)) ?? '');
}
