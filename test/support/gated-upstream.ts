import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { anthropicStream } from '@sluice/core/testing';

/** An upstream whose streams stop in the middle until a test lets them go on. */
export interface GatedUpstream extends AsyncDisposable {
  readonly url: string;
  /** Streams that have begun and not ended. */
  readonly live: number;
  /** Calls that it was asked. */
  readonly asked: number;
  /** Lets those end whose request's body holds this text. */
  release(text: string): void;
}

/** Starts a {@link GatedUpstream}. */
export async function gatedUpstream(): Promise<GatedUpstream> {
  const events = anthropicStream({ text: ['Half of it, ', 'and the rest.'] });
  const middle = events.length - 4;
  const waiting = new Map<() => void, string>();
  let asked = 0;
  let live = 0;
  const server: Server = createServer((request, response) => {
    asked++;
    live++;
    response.once('close', () => {
      live--;
      waiting.delete(finish);
    });
    const finish = (): void => void response.end(events.slice(middle).join(''));
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(events.slice(0, middle).join(''));
      waiting.set(finish, body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get live() {
      return live;
    },
    get asked() {
      return asked;
    },
    release(text) {
      for (const [finish, body] of waiting) if (body.includes(text)) finish();
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
