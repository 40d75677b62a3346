// What the packaging check runs in a folder that has nothing but the tarballs of core and of this package.
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { batch, type BatchOptions } from '@sluice/batch';
import { createPipeline } from '@sluice/core';

const server = createServer((_, res) => {
  res.setHeader('content-type', 'application/json');
  res.end('{"type":"message","content":[],"stop_reason":"end_turn"}');
});
await new Promise<void>((resolve) => {
  server.listen(0, '127.0.0.1', resolve);
});
const pipeline = createPipeline({ upstream: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
const options: BatchOptions = { concurrency: 2, ordered: true };
const requests = ['a', 'b'].map((customId) => ({ customId, params: { model: 'm', messages: [] } }));
const seen: string[] = [];
for await (const { customId, result } of batch(pipeline, requests, options))
  seen.push(`${customId} ${result.type}`);
if (seen.join() !== 'a succeeded,b succeeded') throw new Error(seen.join());
await pipeline.close();
server.close();

const said = execFileSync('node_modules/.bin/sluice-batch', ['--help'], { encoding: 'utf8' });
if (!said.startsWith('Usage: sluice-batch')) throw new Error(said);
