import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { verifyLog } from '@sluice/audit';
import { expect, test } from 'vitest';
import { auditFolder } from '../support/audit.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** A program that makes calls and has nothing else to do then. */
function run(durability: string, directory: string, end: string): void {
  const source = `
    import { createPipeline, provide, TRANSPORT } from '@sluice/core';
    import { audit } from '@sluice/audit';
    const pipeline = createPipeline({
      upstream: 'https://upstream.test',
      plugins: [audit({ directory: ${JSON.stringify(directory)}, durability: '${durability}' })],
      services: [provide(TRANSPORT, () => ({ send: async () => Response.json({}), close: async () => undefined }))],
    });
    for (let call = 0; call < 3; call++) {
      const response = await pipeline.handle({ method: 'GET', target: '/v1/models', headers: {}, body: null });
      await response.text();
    }
    ${end}
  `;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', source], {
    cwd: HERE,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
}

test.each(['sync', 'interval', 'os'])(
  'with `%s`, a program that just ends has written everything',
  async (durability) => {
    await using folder = await auditFolder();
    run(durability, folder.directory, '');
    expect((await folder.records()).filter(({ type }) => type === 'outcome')).toHaveLength(3);
    expect((await verifyLog(folder)).state).toBe('open');
  },
);

test.each(['sync', 'interval', 'os'])(
  'with `%s`, one that closes its pipeline has sealed the log',
  async (durability) => {
    await using folder = await auditFolder();
    run(durability, folder.directory, 'await pipeline.close();');
    expect((await verifyLog(folder)).state).toBe('intact');
  },
);
