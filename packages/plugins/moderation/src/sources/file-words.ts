import { watchFile } from '@sluice/core';
import { readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { hash } from 'node:crypto';
import { parseCsv, parseJsonl, parseText } from './parse-list.ts';
import type { WordList, WordSource } from './source.ts';
import type { WordEntry } from '../words/entry.ts';

/** Options of {@link fileWords}. */
export interface FileWordsOptions {
  /** Category and severity of entries that name none. */
  readonly defaults?: Pick<WordEntry, 'category' | 'severity'>;
}

/** Largest file that is read. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Words from a file: `.txt` with one word on a line, `.jsonl` with one entry on a line, `.csv` with a head of `text`,
 * `category`, `severity`, `allow`, `whole`. It is watched, mounted files too: what changes counts within a second or two.
 * Replace it by renaming, or a list that is half written may be read; an empty one is never put in force.
 */
export function fileWords(path: string, { defaults = {} }: FileWordsOptions = {}): WordSource {
  const parse = { '.jsonl': parseJsonl, '.csv': parseCsv }[extname(path)] ?? parseText;
  return {
    async load(): Promise<WordList> {
      const { mtimeMs, size } = await stat(path);
      if (size > MAX_BYTES) throw new Error(`${path} is larger than ${MAX_BYTES} bytes`);
      const text = await readFile(path, 'utf8');
      const entries = parse(text).map((entry) => ({ ...defaults, ...entry }));
      return { entries, version: hash('sha256', text).slice(0, 16), updatedAt: mtimeMs };
    },
    watch: (changed, clock) => watchFile(path, clock, changed),
  };
}
