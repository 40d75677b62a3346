import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, TimerHandle } from '@sluice/core';
import type { EndedFiles } from '../files/file-sink.ts';
import { readHeader, type SegmentHeader } from '../files/header.ts';
import { besideFile, listSegments, type SegmentName } from '../files/names.ts';
import { syncDirectory } from '../files/segment.ts';
import type { AuditAlert } from '../log/settings.ts';
import { readLines } from '../verify/line-reader.ts';
import { callsOf, dropBeside, erasureRequests, holdHints, isHeld, type Progress } from './erasure.ts';
import { holdMember } from './hold-on-record.ts';
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
  /** Ends the file that is being written. */
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
    // First, lest a crash leave something missing that nothing explains. The request stays until all is done.
    await control('erased', `"selector":${JSON.stringify(selector)},"before":${before}`);
    const lines = await this.#drop(segments, (call) => calls.has(call), onProgress);
    await control('erasure-completed', `"selector":${JSON.stringify(selector)},"lines":${lines}`);
    return lines;
  }

  async #drop(
    segments: readonly SegmentName[],
    drops: (call: string) => boolean,
    onProgress?: Progress,
  ): Promise<number> {
    const { directory } = this.#parts;
    let lines = 0;
    for (const [index, { file }] of segments.entries()) {
      lines += await dropBeside(directory, file, drops);
      onProgress?.(index + 1, segments.length);
    }
    return lines;
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
      await rm(join(directory, besideFile(file)), { force: true });
      await rm(join(directory, file), { force: true });
    }
    await syncDirectory(directory);
  }

  async #retireContent(segments: readonly SegmentName[], days: number): Promise<void> {
    const { directory, log, legalHold, control } = this.#parts;
    const old: SegmentName[] = [];
    for (const segment of segments) {
      if (!(await this.#isOlder(segment, days))) break;
      const there = await stat(join(directory, besideFile(segment.file))).catch(() => undefined);
      if (there !== undefined && !this.#emptied.has(segment.file)) old.push(segment);
    }
    const last = old.at(-1);
    if (last === undefined || this.#closed) return;
    const held = await callsOf(directory, segments, legalHold === true ? [] : legalHold);
    const next = (await listSegments(directory, log)).find(({ ordinal }) => ordinal > last.ordinal);
    const header = next === undefined ? undefined : await headerOf(join(directory, next.file));
    if (header === undefined) return;
    await control('erased', `"selector":{"all":true},"before":${header.state.tree.size}`);
    const lines = await this.#drop(old, (call) => !held.has(call));
    for (const { file } of old) this.#emptied.add(file);
    await control('erasure-completed', `"selector":{"all":true},"lines":${lines}`);
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
  const handle = await open(path, 'r');
  try {
    let header: SegmentHeader | undefined;
    await readLines(handle, 0, (buffer, start, end) => {
      header = readHeader(buffer.toString('utf8', start, end));
      return false;
    });
    return header;
  } finally {
    await handle.close();
  }
}
