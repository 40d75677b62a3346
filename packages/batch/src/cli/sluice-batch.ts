#!/usr/bin/env node
import { run } from './run.ts';

const leaving = new AbortController();
// Once: who asks a second time does not want to wait for what is in progress.
process.once('SIGINT', () => {
  leaving.abort(130);
});
process.once('SIGTERM', () => {
  leaving.abort(143);
});
// The write that fails tells of it as well.
process.stdout.on('error', () => undefined);

const code = await run(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  out: (text) =>
    new Promise((resolve, reject) => {
      process.stdout.write(text, (error) => {
        if (error) reject(error);
        else resolve();
      });
    }),
  err: (text) => void process.stderr.write(text),
  watched: process.stderr.isTTY,
  signal: leaving.signal,
});
// Everything is written. A standard input that does not end, or a client of the config's own, would keep us here.
process.exit(code);
