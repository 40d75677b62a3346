import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { verifyLog } from '@sluice/audit';
import { rawConnection, type RawConnection, rawRequest, rawResponse } from '@sluice/core/testing';
import { expect, test, vi } from 'vitest';
import type { FromHost } from '../soak/messages.ts';
import { auditFolder } from '../support/audit.ts';
import { gatedUpstream } from '../support/gated-upstream.ts';

const HOST = fileURLToPath(new URL('../soak/host.ts', import.meta.url));
/** Enough for Node, the log and some calls, each of which takes two. */
const HANDLES = 70;
const CALLS = 60;

test('F-50: a process that runs out of file handles takes fewer calls, and takes them again when it has some', async () => {
  await using upstream = await gatedUpstream();
  await using audit = await auditFolder();
  const started = [process.execPath, '--expose-gc', HOST, upstream.url, upstream.url, audit.directory];
  const host = spawn('sh', ['-c', `ulimit -n ${HANDLES}; exec "$@"`, 'sh', ...started], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const clients: RawConnection[] = [];
  try {
    const { url, keys } = await said(host, 'ready');
    const ask = async (text: string): Promise<RawConnection> => {
      const client = await rawConnection(url);
      clients.push(client);
      const body = { model: 'm', max_tokens: 9, stream: true, messages: [{ role: 'user', content: text }] };
      client.send(rawRequest({ headers: { 'x-api-key': keys[0] ?? '', connection: 'close' }, body }));
      return client;
    };
    const burst = await Promise.all(Array.from({ length: CALLS }, (_, n) => ask(`Question ${n}`)));
    // Each has begun its stream, has been refused, or was hung up on; none is left to wait.
    await Promise.all(burst.map((client) => client.received((soFar) => soFar.length > 0)));
    expect(upstream.live).toBeGreaterThan(0);
    expect(upstream.live).toBeLessThan(CALLS);
    upstream.release('Question');
    await Promise.all(burst.map((client) => client.ended));

    await vi.waitFor(async () => {
      const again = await ask(`And again ${clients.length}`);
      await again.received((soFar) => soFar.includes('Half of it'));
      upstream.release('And again');
      expect(rawResponse(await again.received())?.status).toBe(200);
    }, 5_000);
    host.send('end');
    const { outcomes, uncaught } = await said(host, 'ended');
    expect(uncaught).toEqual([]);
    const ended = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
    const records = (await audit.records()).filter(({ type }) => type === 'outcome');
    expect(records).toHaveLength(ended);
    expect(await verifyLog({ directory: audit.directory })).toMatchObject({ state: 'intact', problems: [] });
  } finally {
    for (const client of clients) client.close();
    const exited = once(host, 'exit');
    host.kill('SIGKILL');
    await exited;
  }
});

async function said<Type extends FromHost['type']>(
  host: ReturnType<typeof spawn>,
  type: Type,
): Promise<Extract<FromHost, { readonly type: Type }>> {
  const [message] = (await once(host, 'message')) as [FromHost];
  expect(message.type).toBe(type);
  return message as Extract<FromHost, { readonly type: Type }>;
}
