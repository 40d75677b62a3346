import type { Pipeline } from '@sluice/core';
import { Exhibit } from './exhibit.ts';
import type { InspectorHandle } from './handle.ts';
import { type MountOptions, mountSettings } from './options.ts';

export type { MountOptions } from './options.ts';

/** What may wait for one viewer, in characters. Whoever is further behind is disconnected, and begins anew. */
const MAX_WAITING = 1 << 20;

/**
 * Shows the page of an inspector where requests and responses are the web's own: Hono, route handlers of Next.js. A
 * `Request` does not say where it comes from, so `authorize` has to.
 *
 * @param handle The one that the pipeline's `inspector` was given.
 * @returns A handler that never rejects. What does not lie below `basePath` is 404.
 * @throws TypeError For an unknown or impossible option, and without `authorize`.
 */
export function mount(
  pipeline: Pipeline,
  handle: InspectorHandle,
  options: MountOptions<Request> & Required<Pick<MountOptions<Request>, 'authorize'>>,
): (request: Request) => Promise<Response> {
  const settings = mountSettings(options);
  if (settings.authorize === undefined)
    throw new TypeError('mount of the inspector: a Request does not say who asks; add the option authorize.');
  const exhibit = new Exhibit(pipeline, handle, settings);
  return async (request) => {
    const { method } = request;
    const path = exhibit.pathOf(new URL(request.url).pathname) ?? '/elsewhere';
    const headers = Object.fromEntries(request.headers);
    const {
      status,
      headers: own,
      body,
    } = await exhibit.answer({ method, path, headers, address: undefined, request });
    return new Response(body ?? watched(exhibit), { status, headers: own });
  };
}

function watched(exhibit: Exhibit<Request>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let leave: (() => void) | undefined;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const viewer = {
          send: (text: string): void => {
            controller.enqueue(encoder.encode(text));
            if ((controller.desiredSize ?? 0) > 0) return;
            leave?.();
            controller.error(new Error('the page is not read'));
          },
          end: (): void => {
            controller.close();
          },
        };
        leave = () => {
          exhibit.feed.leave(viewer);
        };
        exhibit.feed.join(viewer);
      },
      cancel() {
        leave?.();
      },
    },
    { highWaterMark: MAX_WAITING, size: (chunk) => chunk.byteLength },
  );
}
