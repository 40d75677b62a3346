import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { bytesSource, readAll, sourceStream, streamSource } from './body.ts';
import { SpiedSource } from '../testing/spied-source.ts';
import { readFrom } from './pull.ts';

function counted(...pieces: readonly (string | Error)[]) {
  // Each a turn later, as from a socket.
  const source = new SpiedSource(
    pieces.map((piece) =>
      piece instanceof Error ? Promise.reject(piece) : Promise.resolve(Buffer.from(piece)),
    ),
  );
  return { source, log: source };
}

describe('a source as a stream', () => {
  it('is pulled from only when it is read', async () => {
    const { source, log } = counted('a', 'b');
    const reader = sourceStream(source).getReader();
    await nextTurn();
    expect(log.reads).toBe(0);
    await reader.read();
    await nextTurn();
    expect(log.reads).toBe(1);
  });

  it('passes its end, its failure and its cancellation on', async () => {
    expect(await new Response(sourceStream(counted('a', 'b').source)).text()).toBe('ab');
    await expect(
      new Response(sourceStream(counted('a', new RangeError('reset')).source)).text(),
    ).rejects.toThrow('reset');
    const { source, log } = counted('a');
    await sourceStream(source).cancel('enough');
    expect([log.reads, log.cancelled]).toEqual([0, 'enough']);
  });

  it('and back again is the same', async () => {
    const { source, log } = counted('a', 'b');
    const again = streamSource(sourceStream(source));
    expect(String(await readAll(again, 10, () => new Error()))).toBe('ab');
    expect(await readFrom(again)).toBeNull();
    again.cancel('late');
    expect(log.cancelled).toBeUndefined();
  });

  it('of a broken stream may be cancelled without an unhandled rejection', async () => {
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => controller.error(new Error('broken')),
    });
    const source = streamSource(stream);
    await expect(readFrom(source)).rejects.toThrow('broken');
    source.cancel('late');
    await nextTurn();
  });
});

describe('readAll', () => {
  it('collects a source, and refuses more than it may', async () => {
    expect(String(await readAll(counted('ab', 'cd').source, 4, () => new Error('too large')))).toBe('abcd');
    const { source, log } = counted('ab', 'cd', 'ef');
    await expect(readAll(source, 3, () => new Error('too large'))).rejects.toThrow('too large');
    expect(log).toMatchObject({ reads: 2, cancelled: { message: 'too large' } });
  });

  it('of one chunk copies nothing, of none is empty', async () => {
    const bytes = Buffer.from('abc');
    expect((await readAll(bytesSource(bytes), 9, () => new Error())).buffer).toBe(bytes.buffer);
    expect(await readAll(bytesSource(new Uint8Array()), 9, () => new Error())).toHaveLength(0);
  });
});

it('bytes in memory are read once, and not after they were given up', () => {
  const source = bytesSource(Buffer.from('a'));
  expect(String(readFrom(source) as Uint8Array)).toBe('a');
  expect(readFrom(source)).toBeNull();
  const given = bytesSource(Buffer.from('a'));
  given.cancel('up');
  expect(readFrom(given)).toBeNull();
});
