import type { Socket } from 'node:net';

const waiting = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls back when a socket closes. However many wait for it, the socket has one listener: Node warns of eleven, and
 * requests can be pipelined by the hundred.
 *
 * @returns Withdraws the callback.
 */
export function onSocketClose(socket: Socket, callback: () => void): () => void {
  let callbacks = waiting.get(socket);
  if (callbacks === undefined) {
    const all = (callbacks = new Set());
    waiting.set(socket, all);
    socket.on('close', () => {
      for (const one of all) one();
    });
  }
  callbacks.add(callback);
  return () => void callbacks.delete(callback);
}
