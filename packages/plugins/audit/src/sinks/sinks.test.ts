import { provide } from '@sluice/core';
import { expect, test } from 'vitest';
import { auditFolder, auditPipeline } from '../../../../../test/support/audit.ts';
import {
  type AuditAlert,
  AUDIT_SINKS,
  type AuditLines,
  functionSink,
  inBackground,
  verifyLog,
} from '../index.ts';

test('a function gets every record once and in order, beside the files', async () => {
  await using folder = await auditFolder();
  const got: AuditLines[] = [];
  // #region sinks
  const sinks = provide(AUDIT_SINKS, () => (files) => [
    files(),
    functionSink(async (records) => {
      got.push(records);
    }),
  ]);
  // #endregion sinks
  {
    await using pipe = auditPipeline(folder, {}, { services: [sinks] });
    for (let call = 0; call < 3; call++) await (await pipe.post()).text();
  }
  const inFiles = (await folder.text()).split('\n').filter((line) => /^\{"seq".*"hash"/.test(line));
  expect(got.flatMap(({ lines }) => lines)).toEqual(inFiles);
  expect(got[0]?.first).toBe(0);
});

test('what a function rejects comes again, with the same records', async () => {
  await using folder = await auditFolder();
  const got: string[] = [];
  let failures = 2;
  {
    await using pipe = auditPipeline(
      folder,
      { onAlert: () => undefined },
      {
        services: [
          provide(AUDIT_SINKS, () => (files) => [
            files(),
            functionSink(({ lines }) => {
              if (got.length > 0 && failures-- > 0) throw new Error('not now');
              got.push(...lines);
            }),
          ]),
        ],
      },
    );
    await (await pipe.post()).text();
    await pipe.clock.advance(1_000);
    while (got.length < 3) await pipe.clock.advance(100);
  }
  expect(got.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual(got.map((_, index) => index));
});

test('two sinks that both fail are both tried again at once when the log is closed', async () => {
  await using folder = await auditFolder();
  let failing = true;
  const got = [0, 0];
  const sinks = got.map((_, index) =>
    functionSink(({ first }) => {
      if (first > 0 && failing) throw new Error('away');
      got[index] = first;
    }),
  );
  const pipe = auditPipeline(
    folder,
    { onAlert: () => undefined },
    { services: [provide(AUDIT_SINKS, () => () => sinks)] },
  );
  await (await pipe.post()).text();
  // By now they wait five seconds each.
  await pipe.clock.advance(18_500);
  failing = false;
  const before = pipe.clock.now();
  await pipe[Symbol.asyncDispose]();
  // A second of it is the test kit's.
  expect(pipe.clock.now() - before).toBeLessThan(1_500);
  expect(got[0]).toBeGreaterThan(0);
  expect(got[1]).toBe(got[0]);
});

test('content counts in the backlog of a sink in the background', async () => {
  await using folder = await auditFolder();
  const alerts: AuditAlert[] = [];
  let letGo: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  await using pipe = auditPipeline(
    folder,
    {
      durability: 'sync',
      content: { request: 'full' },
      onAlert: (alert) => void alerts.push(alert),
    },
    {
      services: [
        provide(AUDIT_SINKS, () => (files) => [
          files(),
          inBackground(
            functionSink(() => gate),
            { maxBacklogBytes: 100_000 },
          ),
        ]),
      ],
    },
  );
  for (let call = 0; call < 5; call++) {
    await (await pipe.post({ system: 'x'.repeat(50_000) })).text();
    await pipe.clock.advance(20);
  }
  await (await pipe.post()).text();
  letGo();
  expect(alerts.some(({ facts }) => facts['code'] === 'behind')).toBe(true);
});

test('a sink in the background holds up nobody, and what it misses is on record', async () => {
  await using folder = await auditFolder();
  const alerts: AuditAlert[] = [];
  const seen: number[] = [];
  let stuck = true;
  {
    await using pipe = auditPipeline(
      folder,
      { durability: 'sync', onAlert: (alert) => void alerts.push(alert) },
      {
        services: [
          provide(AUDIT_SINKS, () => (files) => [
            files(),
            inBackground(
              functionSink(({ first }) => {
                if (stuck) throw new Error('away');
                seen.push(first);
              }),
              { maxBacklogBytes: 4_000 },
            ),
          ]),
        ],
      },
    );
    for (let call = 0; call < 20; call++) await (await pipe.post()).text();
    stuck = false;
    await pipe.clock.advance(5_000);
  }
  expect(alerts.some(({ type, facts }) => type === 'fault' && facts['code'] === 'behind')).toBe(true);
  expect((await folder.records()).some((one) => one.type === 'fault' && one['code'] === 'behind')).toBe(true);
  expect(seen.length).toBeGreaterThan(0);
  expect((await verifyLog(folder)).state).toBe('intact');
});
