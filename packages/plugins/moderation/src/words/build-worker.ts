import { parentPort, workerData } from 'node:worker_threads';
import { compileWords } from './compile.ts';
import type { WordEntry } from './entry.ts';

const words = compileWords(workerData as readonly WordEntry[]);
const { buffer: table } = words.table;
const transfer = [
  table,
  words.leetTable.buffer,
  words.alphabet.buffer,
  words.base.buffer,
  words.check.buffer,
  words.fail.buffer,
  words.hit.buffer,
  words.entry.buffer,
  words.depth.buffer,
  words.node.buffer,
  words.flags.buffer,
  words.severity.buffer,
  words.category.buffer,
] as ArrayBuffer[];
parentPort?.postMessage(words, transfer);
