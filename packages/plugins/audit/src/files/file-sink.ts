import { mkdir } from 'node:fs/promises';
import type { Clock, TimerHandle } from '@sluice/core';
import type { ChainState } from '../chain/chain.ts';
import type { Durability } from '../log/settings.ts';
import type { AuditBatch, AuditSink, SinkEvent, SinkTools } from '../sinks/sink.ts';
import type { SegmentHeader } from './header.ts';
import { Lock } from './lock.ts';
import { lockPath } from './names.ts';
import { recover } from './recover.ts';
import { type OpenFile, Segment } from './segment.ts';

/** Where files are and how they are written. */
export interface FileSinkSettings {
  /** Made when it is not there. */
  readonly directory: string;
  /** One writer each. */
  readonly log: string;
  /** When a record counts as written. */
  readonly durability: Durability;
  /** Longest time that written records are not synced, with `interval`. */
  readonly syncEveryMs: number;
  /** A segment that has grown to this is followed by another. */
  readonly rotateBytes: number;
  /** A segment that is this old is followed by another. */
  readonly rotateMs: number;
  /** Replaces `fs.open`, for tests of failing disks. */
  readonly open?: OpenFile;
}

/** What files are finished. */
export interface EndedFiles {
  /** The last of them. */
  readonly ordinal: number;
  /** How many records there are in all files. */
  readonly size: number;
}

/** What is written and not synced is kept, to be written again should the sync fail; so there has to be a bound. */
const MAX_UNSYNCED_BYTES = 4 << 20;
/** How often to look whether the files are still there. */
const LOOK_EVERY_MS = 1_000;

/** Writes segments into a directory. */
export class FileSink implements AuditSink {
  readonly name = 'files';
  readonly #settings: FileSinkSettings;
  readonly #clock: Clock;
  #report: (event: SinkEvent) => void = () => undefined;
  #lock: Lock | undefined;
  #segment: Segment | undefined;
  #openedAt = 0;
  #last: string | null = null;
  #ordinal = 0;
  #size = 0;
  #unsynced: AuditBatch[] = [];
  #unsyncedBytes = 0;
  #timer: TimerHandle;
  #lookedAt = 0;
  /** One thing at a time: a sync must not meet a write that replaces the file. */
  #busy: Promise<unknown> = Promise.resolve();

  constructor(settings: FileSinkSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  async start({ report }: SinkTools): Promise<ChainState | undefined> {
    const { directory, log } = this.#settings;
    this.#report = report;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    this.#lock = await Lock.acquire(lockPath(directory, log), this.#clock);
    const { state, last, ordinal } = await recover(directory, log, report);
    this.#last = last;
    this.#ordinal = ordinal;
    this.#size = state?.tree.size ?? 0;
    return state;
  }

  write(batch: AuditBatch): Promise<void> {
    return this.#alone(async () => {
      await this.#write(batch);
      this.#size = batch.after.tree.size;
    });
  }

  /** A file has a key of its own, so that what one key is for can be erased together. */
  get wantsKey(): boolean {
    if (this.#segment === undefined) return this.#unsynced.length === 0;
    const { rotateBytes, rotateMs } = this.#settings;
    return this.#segment.bytes >= rotateBytes || this.#clock.now() - this.#openedAt >= rotateMs;
  }

  /**
   * Ends the current segment, so that all files so far stay as they are; the next record begins another.
   *
   * @param size Records that have to be in the files by now.
   */
  rotate(size: number): Promise<EndedFiles> {
    return this.#alone(async () => {
      if (this.#size < size)
        throw new Error(`the files are ${size - this.#size} records behind the audit log; wait for them`);
      await this.#finishSegment();
      return { ordinal: this.#ordinal, size: this.#size };
    });
  }

  async close(): Promise<void> {
    this.#clock.clearTimeout(this.#timer);
    try {
      await this.#alone(() => this.#finishSegment());
    } finally {
      await this.#segment?.abandon();
      await this.#lock?.release();
    }
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#busy.then(work);
    this.#busy = done.catch(() => undefined);
    return done;
  }

  async #write(batch: AuditBatch): Promise<void> {
    if (this.#lock?.lost === true) throw new Error('another process has taken over this audit log');
    await this.#lookWhenDue();
    if (this.#segment === undefined) await this.#writeAnew(this.#unsynced);
    if (this.#segment !== undefined && this.#segment.key !== batch.key) await this.#finishSegment();
    const { durability } = this.#settings;
    try {
      const segment = this.#segment ?? (await this.#openSegment(batch));
      await segment.append(batch);
      if (durability === 'sync') await segment.sync();
    } catch (error) {
      await this.#failed(error as NodeJS.ErrnoException);
      await this.#writeAnew([...this.#unsynced, batch]);
      return;
    }
    if (durability === 'interval') this.#syncLater(batch);
  }

  /** Goes on in another file with everything that may not have come through. */
  async #writeAnew(batches: readonly AuditBatch[]): Promise<void> {
    const [first] = batches;
    if (first === undefined) return;
    const segment = await this.#create(this.#headerFor(first), first.key);
    try {
      for (const batch of batches) await segment.append(batch);
      // What was lost once is not left to the clock again.
      await segment.sync();
    } catch (error) {
      // Nothing counts on it yet.
      await segment.remove();
      throw error;
    }
    this.#use(segment);
    this.#unsynced = [];
    this.#unsyncedBytes = 0;
  }

  /**
   * What to make of a failed write or sync: a full disk can be waited for, everything else costs the file its trust.
   *
   * @throws The error itself, when the same file can be used again.
   */
  async #failed(error: NodeJS.ErrnoException): Promise<void> {
    const segment = this.#segment;
    if (segment === undefined) throw error;
    const isFull = error.code === 'ENOSPC' || error.code === 'EDQUOT';
    if (isFull && error.syscall !== 'fdatasync' && (await segment.takeBack())) throw error;
    await this.#leave(error.code ?? error.message);
  }

  async #leave(code: string): Promise<void> {
    const segment = this.#segment;
    if (segment === undefined) return;
    this.#segment = undefined;
    await segment.abandon();
    this.#report({ type: 'fault', code, facts: { file: segment.file } });
  }

  async #openSegment(batch: AuditBatch): Promise<Segment> {
    const segment = await this.#create(this.#headerFor(batch), batch.key);
    this.#use(segment);
    return segment;
  }

  #headerFor({ before }: AuditBatch): SegmentHeader {
    return { log: this.#settings.log, segment: this.#ordinal + 1, after: this.#last, state: before };
  }

  #use(segment: Segment): void {
    this.#segment = segment;
    this.#ordinal = segment.header.segment;
    this.#last = segment.file;
    this.#openedAt = this.#clock.now();
    this.#lookedAt = this.#openedAt;
  }

  async #finishSegment(): Promise<void> {
    if (this.#unsynced.length > 0) await this.#syncOrReplace();
    await this.#endSegment();
  }

  async #endSegment(): Promise<void> {
    const segment = this.#segment;
    if (segment === undefined) return;
    await this.#look();
    try {
      await this.#segment?.close();
    } catch (error) {
      // A second sync would succeed, though what the first one could not write is lost.
      await this.#leave((error as NodeJS.ErrnoException).code ?? 'unknown');
      throw error;
    }
    this.#segment = undefined;
  }

  #syncLater(batch: AuditBatch): void {
    this.#unsynced.push(batch);
    this.#unsyncedBytes += batch.lines.length + batch.beside.length;
    const waitMs = this.#unsyncedBytes > MAX_UNSYNCED_BYTES ? 0 : this.#settings.syncEveryMs;
    if (waitMs === 0) {
      this.#clock.clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.#alone(() => this.#syncOrReplace()).catch(() => {
        // The batches are kept: the next write begins with them.
      });
    }, waitMs);
  }

  async #syncOrReplace(): Promise<void> {
    if (this.#unsynced.length === 0) return;
    try {
      await this.#look();
      if (this.#segment === undefined) throw new Error('there is no file');
      await this.#segment.sync();
    } catch (error) {
      await this.#leave((error as NodeJS.ErrnoException).code ?? 'unknown');
      await this.#writeAnew(this.#unsynced);
      return;
    }
    this.#unsynced = [];
    this.#unsyncedBytes = 0;
  }

  async #lookWhenDue(): Promise<void> {
    if (this.#clock.now() - this.#lookedAt < LOOK_EVERY_MS) return;
    await this.#look();
  }

  /** Notices when somebody has deleted, moved, cut or written to the file, and goes on in another one. */
  async #look(): Promise<void> {
    const segment = this.#segment;
    const strange = await segment?.strange();
    if (segment !== undefined && strange !== undefined) {
      if (strange === 'moved') await this.#copy(segment);
      else this.#segment = undefined;
      await segment.abandon();
      this.#report({ type: 'fault', code: strange, facts: { file: segment.file } });
    }
    this.#lookedAt = this.#clock.now();
  }

  /** The file has lost its name, but not its content. */
  async #copy(segment: Segment): Promise<void> {
    const copy = await this.#create({ ...segment.header, segment: this.#ordinal + 1 }, segment.key);
    try {
      for await (const part of segment.contents()) await copy.append(part);
      await copy.sync();
    } catch (error) {
      await copy.remove();
      throw error;
    }
    this.#use(copy);
  }

  async #create(header: SegmentHeader, key: string): Promise<Segment> {
    const { directory, open } = this.#settings;
    // It may have gone together with the files.
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return Segment.create({ directory, header, key, open });
  }
}
