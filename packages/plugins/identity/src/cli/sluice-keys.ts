#!/usr/bin/env node
import { run } from './run.ts';

const line = (stream: NodeJS.WriteStream) => (text: string) => {
  stream.write(`${text}\n`);
};

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  // oxlint-disable-next-line no-restricted-properties -- a program of its own, without a pipeline and its clock.
  now: Date.now(),
  print: line(process.stdout),
  tell: line(process.stderr),
});
