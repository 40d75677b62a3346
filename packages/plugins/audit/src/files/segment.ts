import { chmod, type FileHandle, open, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditBatch } from '../sinks/sink.ts';
import { type SegmentHeader, writeHeader } from './header.ts';
import { besideFile, saltsFile, segmentFile } from './names.ts';
import { keyText } from './salts-file.ts';

/** How files are opened. Tests put failing ones in its place. */
export type OpenFile = (path: string, flags: string, mode: number) => Promise<FileHandle>;

/** What a segment is made of. */
export interface SegmentParts {
  readonly directory: string;
  readonly header: SegmentHeader;
  readonly key: string;
  /** Replaces `fs.open`. */
  readonly open?: OpenFile | undefined;
}

/** One file of records, and the files beside it for what may be erased: content, and what salts are derived from. */
export class Segment {
  readonly header: SegmentHeader;
  readonly file: string;
  /** What the salts of its records are derived from. */
  readonly key: string;
  readonly #directory: string;
  readonly #open: OpenFile;
  readonly #records: Appending;
  #beside: Appending | undefined;

  private constructor(parts: SegmentParts, records: Appending) {
    const { directory, header, key, open: opener = open } = parts;
    this.#directory = directory;
    this.header = header;
    this.file = segmentFile(header.log, header.segment);
    this.key = key;
    this.#records = records;
    this.#open = opener;
  }

  /** Makes a new file; the directory is synced too, lest a power cut lose the name. */
  static async create(parts: SegmentParts): Promise<Segment> {
    const { directory, header, key, open: opener = open } = parts;
    const records = await Appending.create(join(directory, segmentFile(header.log, header.segment)), opener);
    const segment = new Segment(parts, records);
    try {
      // It is on the disk before any record is that needs it.
      await writeWhole(join(directory, saltsFile(segment.file)), keyText(key));
      await records.append(Buffer.from(writeHeader(header)));
      records.keep();
      await syncDirectory(directory);
    } catch (error) {
      await segment.remove();
      throw error;
    }
    return segment;
  }

  /** Bytes of records so far. */
  get bytes(): number {
    return this.#records.bytes;
  }

  /** What is beside goes first: a record that speaks of content must find it. */
  async append({ lines, beside }: Pick<AuditBatch, 'lines' | 'beside'>): Promise<void> {
    if (beside.length > 0) {
      this.#beside ??= await Appending.create(join(this.#directory, besideFile(this.file)), this.#open);
      await this.#beside.append(beside);
    }
    await this.#records.append(lines);
    this.#records.keep();
    this.#beside?.keep();
  }

  /** Makes everything durable. An error is final: Linux may have dropped the pages that it could not write. */
  async sync(): Promise<void> {
    const beside = this.#beside;
    if (beside === undefined || !beside.dirty) await this.#records.sync();
    else await Promise.all([this.#records.sync(), beside.sync()]);
  }

  /** Takes back a write that was cut by a full disk. False when that is impossible too. */
  async takeBack(): Promise<boolean> {
    return (
      (await this.#records.takeBack()) && (this.#beside === undefined || (await this.#beside.takeBack()))
    );
  }

  /** Why the file under its name is not the one that is being written; undefined when all is well. */
  async strange(): Promise<'moved' | 'truncated' | 'grown' | undefined> {
    const found = await this.#records.strange();
    return found ?? (await this.#beside?.strange());
  }

  /** A copy of everything written so far, for a segment that has lost its name. */
  async *contents(): AsyncGenerator<{ readonly lines: Uint8Array; readonly beside: Uint8Array }> {
    const none = new Uint8Array();
    if (this.#beside !== undefined)
      for await (const beside of this.#beside.read(0)) yield { lines: none, beside };
    for await (const lines of this.#records.read(writeHeader(this.header).length))
      yield { lines, beside: none };
  }

  /** Ends the segment: nothing is added any more. */
  async close(): Promise<void> {
    await this.sync();
    await this.#records.close();
    await this.#beside?.close();
    await chmod(join(this.#directory, this.file), 0o400).catch(() => undefined);
  }

  /** Lets go of a file that nothing counts on yet, and gives its name free. */
  async remove(): Promise<void> {
    await this.abandon();
    for (const file of [this.file, besideFile(this.file), saltsFile(this.file)])
      await rm(join(this.#directory, file), { force: true });
  }

  /** Lets go of a file that has failed. */
  async abandon(): Promise<void> {
    await this.#records.close().catch(() => undefined);
    await this.#beside?.close().catch(() => undefined);
  }
}

/** A file that only grows, and knows by how much. */
class Appending {
  bytes = 0;
  dirty = false;
  /** Up to here batches are whole, in this file and in the other one. */
  #kept = 0;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #inode: bigint;

  private constructor(path: string, file: FileHandle, inode: bigint) {
    this.#path = path;
    this.#file = file;
    this.#inode = inode;
  }

  static async create(path: string, opener: OpenFile): Promise<Appending> {
    const file = await opener(path, 'ax+', 0o600);
    const { ino } = await file.stat({ bigint: true });
    return new Appending(path, file, ino);
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.dirty = true;
    for (let offset = 0; offset < bytes.length;) {
      const { bytesWritten } = await this.#file.write(bytes, offset, bytes.length - offset);
      // A file system that says neither yes nor no.
      if (bytesWritten === 0) throw Object.assign(new Error('nothing was written'), { code: 'EIO' });
      offset += bytesWritten;
    }
    this.bytes += bytes.length;
  }

  async sync(): Promise<void> {
    await this.#file.datasync();
    this.dirty = false;
  }

  /** What is written so far stays. */
  keep(): void {
    this.#kept = this.bytes;
  }

  async takeBack(): Promise<boolean> {
    try {
      await this.#file.truncate(this.#kept);
      this.bytes = this.#kept;
      return true;
    } catch {
      return false;
    }
  }

  async strange(): Promise<'moved' | 'truncated' | 'grown' | undefined> {
    const found = await stat(this.#path, { bigint: true }).catch(() => undefined);
    if (found?.ino !== this.#inode) return 'moved';
    if (Number(found.size) === this.bytes) return undefined;
    return Number(found.size) < this.bytes ? 'truncated' : 'grown';
  }

  async *read(from: number): AsyncGenerator<Uint8Array> {
    for (let position = from; position < this.bytes;) {
      const buffer = Buffer.alloc(Math.min(1 << 20, this.bytes - position));
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Writes a small file that only this user may read, and has it on the disk. */
export async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600, flush: true });
}

/** Makes names durable. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
