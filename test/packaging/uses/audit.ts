// What the packaging check runs in a folder that has nothing but the tarballs of core and of this plugin.
import { execFileSync } from 'node:child_process';
import { createPipeline } from '@sluice/core';
import { audit, type AuditOptions, verifyLog } from '@sluice/audit';

const options: AuditOptions = { directory: './log', durability: 'sync' };
{
  await using pipeline = createPipeline({ upstream: 'https://api.anthropic.com', plugins: [audit(options)] });
  await pipeline.start();
}
const { state } = await verifyLog({ directory: './log' });
if (state !== 'intact') throw new Error(`the log is ${state}`);
const said = execFileSync('node_modules/.bin/sluice-audit', ['verify', '--dir', './log'], {
  encoding: 'utf8',
});
if (!said.endsWith('intact\n')) throw new Error(said);
