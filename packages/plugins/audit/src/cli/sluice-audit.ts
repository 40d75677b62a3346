#!/usr/bin/env node
import { runCli } from './run.ts';

const leaving = new AbortController();
process.once('SIGINT', () => {
  leaving.abort();
});
// Whoever reads the output may have seen enough.
process.stdout.on('error', () => {
  process.exit(0);
});

process.exitCode = await runCli(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  watched: process.stderr.isTTY,
  columns: process.stdout.isTTY ? process.stdout.columns : 80,
  signal: leaving.signal,
});
