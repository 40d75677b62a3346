import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { verifyLog } from '@sluice/audit';
import { expect, test } from 'vitest';
import { auditFolder, auditPipeline } from '../support/audit.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** A program that makes calls and has nothing else to do then. */
function run(durability: string, directory: string, end: string): { status: number | null; stderr: string } {
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
  return spawnSync(process.execPath, ['--input-type=module-typescript', '-e', source], {
    cwd: HERE,
    encoding: 'utf8',
  });
}

test.each(['sync', 'interval', 'os'])(
  'with `%s`, a program that just ends has written everything',
  async (durability) => {
    await using folder = await auditFolder();
    expect(run(durability, folder.directory, '')).toMatchObject({ status: 0, stderr: '' });
    expect((await folder.records()).filter(({ type }) => type === 'outcome')).toHaveLength(3);
    expect((await verifyLog(folder)).state).toBe('open');
  },
);

test.each(['sync', 'interval', 'os'])(
  'with `%s`, one that closes its pipeline has sealed the log',
  async (durability) => {
    await using folder = await auditFolder();
    expect(run(durability, folder.directory, 'await pipeline.close();')).toMatchObject({
      status: 0,
      stderr: '',
    });
    expect((await verifyLog(folder)).state).toBe('intact');
  },
);

test('a second process is refused while the first one writes, and not when it is gone', async () => {
  await using folder = await auditFolder();
  {
    await using pipe = auditPipeline(folder);
    await pipe.pipeline.start();
    const { stderr } = run('sync', folder.directory, 'await pipeline.close();');
    expect(stderr).toMatch(/is written by process \d+ on .*; give each process a log of its own/);
  }
  expect(run('sync', folder.directory, 'await pipeline.close();')).toMatchObject({ status: 0, stderr: '' });
  const report = await verifyLog(folder);
  expect(report).toMatchObject({ state: 'intact', problems: [] });
});
