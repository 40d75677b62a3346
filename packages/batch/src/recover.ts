import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises';
import { type Line, splitLines } from './split-lines.ts';

/** Longer than any answer that `batch` lets through by default, in JSON. */
const MAX_LINE_BYTES = 256 << 20;
/** Written at once. */
const CHUNK_BYTES = 1 << 20;
/** How each line of ours begins. */
const BEGINNING = '{"custom_id":';

/**
 * Brings a file of results into a state that one can go on from: only items that succeeded, each once. The new file takes
 * the place of the old one at once, so that a kill in between leaves one of them. Returns the ids; none without a file.
 *
 * @throws Error When a line is no result: it is another file, which must not be changed.
 */
export async function recover(path: string): Promise<Set<string>> {
  const completed = new Set<string>();
  let mode: number;
  try {
    ({ mode } = await stat(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return completed;
    throw error;
  }
  const draft = `${path}.tmp`;
  const file = await open(draft, 'w', mode & 0o777);
  try {
    await copySucceeded(path, file, completed);
    await file.datasync();
  } catch (error) {
    await file.close();
    await unlink(draft);
    throw error;
  }
  await file.close();
  await rename(draft, path);
  return completed;
}

async function copySucceeded(path: string, to: FileHandle, completed: Set<string>): Promise<void> {
  let pending: (Buffer | string)[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    await to.appendFile(Buffer.concat(pending.map((piece) => Buffer.from(piece as string))));
    pending = [];
    size = 0;
  };
  for await (const line of splitLines(createReadStream(path), MAX_LINE_BYTES)) {
    const id = succeededId(line, path);
    if (id === undefined || completed.has(id)) continue;
    completed.add(id);
    pending.push(line.bytes, '\n');
    size += line.bytes.length + 1;
    if (size > CHUNK_BYTES) await flush();
  }
  await flush();
}

/** The item's id if it succeeded; undefined if it did not, or if a kill tore the line. */
function succeededId({ bytes, number, whole }: Line, path: string): string | undefined {
  let record: { readonly custom_id?: unknown; readonly result?: { readonly type?: unknown } } | null;
  try {
    record = JSON.parse(bytes.toString()) as typeof record;
  } catch {
    const head = bytes.subarray(0, BEGINNING.length).toString();
    if (!whole && BEGINNING.startsWith(head)) return undefined;
    record = null;
  }
  const id = record?.custom_id;
  const type = record?.result?.type;
  if (typeof id !== 'string' || typeof type !== 'string')
    throw new Error(`line ${number} of ${path} is no result of a batch; name another file for the results`);
  return type === 'succeeded' ? id : undefined;
}
