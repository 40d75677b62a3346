import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { PipelineError } from '../errors.ts';

/**
 * Opens a tunnel through a forward proxy (RFC 9110 §9.3.6). Node's client does the CONNECT, so that framing is its
 * care and what follows belongs to us alone.
 *
 * @param proxy `http:` or `https:`, with credentials if the proxy wants them.
 * @param authority Host and port of the upstream.
 * @param done Called once: with the tunnel, or with what went wrong.
 * @returns Gives the attempt up.
 */
export function openTunnel(
  proxy: URL,
  authority: string,
  done: (error: Error | null, socket?: Socket) => void,
): () => void {
  const { username, password } = proxy;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const send = proxy.protocol === 'https:' ? httpsRequest : httpRequest;
  const request = send({
    method: 'CONNECT',
    host: proxy.hostname.replace(/^\[|\]$/g, ''),
    port: proxy.port,
    path: authority,
    // A proxy's connection serves one tunnel.
    agent: false,
    headers: {
      host: authority,
      ...(username === ''
        ? {}
        : { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }),
    },
  });
  const refused = (status: number | undefined): void => {
    request.destroy();
    done(
      new PipelineError('connect_failed', { cause: new Error(`the proxy answered CONNECT with ${status}`) }),
    );
  };
  request.on('connect', (response, socket, head) => {
    const { statusCode = 0 } = response;
    // Any 2xx opens it. The upstream speaks second: bytes that came with the answer are nobody's.
    if (statusCode < 200 || statusCode > 299 || head.length > 0) {
      socket.destroy();
      refused(statusCode);
    } else {
      socket.setNoDelay(true);
      done(null, socket as Socket);
    }
  });
  request.on('response', (response) => {
    refused(response.statusCode);
  });
  request.on('error', done);
  request.end();
  return () => {
    request.destroy();
  };
}
