import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const index = new URL('index.ts', import.meta.url).href;

/** A program that does nothing but wait for one call, which waits for a timer that holds nothing. */
const program = (end: string): string => `
  import { CLOCK, createPipeline, definePlugin, provide, TRANSPORT } from '${index}';
  const waiting = definePlugin({
    name: 'waiting',
    needs: { clock: CLOCK },
    create: (_, { clock }) => ({
      handle: (request, next) => new Promise((resolve) => clock.setTimeout(() => resolve(next(request)), 50)),
    }),
  });
  const transport = { send: async () => Response.json({ done: true }), close: async () => undefined };
  const pipeline = createPipeline({
    upstream: 'https://upstream.test',
    plugins: [waiting()],
    services: [provide(TRANSPORT, () => transport)],
  });
  const call = pipeline.fetch('https://caller.test/v1/other').then((response) => response.text());
  ${end}
`;
const output = async (end: string): Promise<string> =>
  (await run(process.execPath, ['--input-type=module', '--eval', program(end)])).stdout;

it('a program does not end before its calls, whatever they wait for', async () => {
  expect(await output('call.then((text) => console.log(text));')).toBe('{"done":true}\n');
});

it('and is not kept by a pipeline that nobody uses', async () => {
  expect(await output('await call; console.log("idle");')).toBe('idle\n');
});
