import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { listenToAbort, stopListening } from './abort-listeners.ts';

it('tells everyone, in the order in which they began to listen, once', () => {
  const controller = new AbortController();
  const told: string[] = [];
  for (const name of ['a', 'b', 'c']) listenToAbort(controller.signal, () => told.push(name));
  controller.abort();
  controller.abort();
  expect(told).toEqual(['a', 'b', 'c']);
});

it('tells nobody who has stopped listening', () => {
  const controller = new AbortController();
  const told: string[] = [];
  const once = (): void => void told.push('once');
  listenToAbort(controller.signal, once);
  listenToAbort(controller.signal, () => told.push('other'));
  stopListening(controller.signal, once);
  stopListening(controller.signal, once);
  stopListening(new AbortController().signal, once);
  controller.abort();
  expect(told).toEqual(['other']);
});

it('tells those, too, who listen after one who stops while being told', () => {
  const controller = new AbortController();
  const told: string[] = [];
  const first = (): void => {
    told.push('first');
    stopListening(controller.signal, first);
  };
  listenToAbort(controller.signal, first);
  listenToAbort(controller.signal, () => told.push('second'));
  controller.abort();
  expect(told).toEqual(['first', 'second']);
});

it('puts one listener on a signal, however many listen, and takes it off with the last of them', () => {
  const { signal } = new AbortController();
  const listeners = Array.from({ length: 20 }, () => (): void => undefined);
  for (const listener of listeners) listenToAbort(signal, listener);
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  for (const listener of listeners) stopListening(signal, listener);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});
