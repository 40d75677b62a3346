import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisProgram } from '../support/redis-program.ts';
import { cleanUp, SubjectProcess } from './child.ts';
import { ClientLoad } from './client-load.ts';
import { isClient } from './kinds.ts';
import { Load } from './load.ts';
import { isPeer } from './peers.ts';
import { Upstream } from './upstream.ts';

const hasRedis = (await redisProgram()) !== undefined;
const subjects = readdirSync(new URL('subjects', import.meta.url))
  .map((file) => file.replace(/\.ts$/, ''))
  // Peers are installed by the benchmark alone.
  .filter((name) => !isPeer(name));

let upstream: Upstream;
beforeAll(async () => {
  upstream = await Upstream.listen();
});
afterAll(() => {
  upstream.close();
  cleanUp();
});

describe.each(subjects)('the subject %s', (name) => {
  it.skipIf(!hasRedis && name.endsWith('-redis'))(
    'gives back what the upstream sent, whole, streamed and at a pace',
    async () => {
      const subject = await SubjectProcess.start(name, upstream.url);
      const cells = [
        ...(isClient(name) ? [] : [{ mode: 'sse', inFlight: 2, paced: false } as const]),
        { mode: 'json', inFlight: 2, paced: false } as const,
        { mode: 'sse', inFlight: 2, paced: true } as const,
      ];
      for (const cell of cells) {
        const load = isClient(name)
          ? new ClientLoad(subject, cell)
          : await Load.open(subject, cell, upstream);
        const { calls, latenciesMs, firstEventsMs } = await load.run(2);
        load.close();
        expect(calls).toBe(4);
        expect(latenciesMs).toHaveLength(isClient(name) ? 0 : 4);
        firstEventsMs.forEach((first, index) => expect(first).toBeLessThanOrEqual(latenciesMs[index] ?? 0));
      }
      expect(await subject.cpuMs()).toBeGreaterThan(0);
      expect(await subject.rssBytes()).toBeGreaterThan(2 ** 20);
      subject.kill();
    },
  );
});

it('a subject that cannot start says which it is', async () => {
  await expect(SubjectProcess.start('nobody', upstream.url)).rejects.toThrow('nobody: it ended: exit code 1');
});
