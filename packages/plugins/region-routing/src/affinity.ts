import { type ApiRequest, type Context, readJson } from '@sluice/core';
import { hashText, mixHashes } from './hash.ts';
import type { Route } from './route.ts';

/** Enough to tell conversations apart; beyond, only the walk costs. */
const MAX_PREFIX_CHARS = 4_096;
/** How far above the mean an endpoint may be loaded before others take its conversations (bounded load). */
const LOAD_FACTOR = 1.25;
/** A warm prompt cache is not worth more than this many times the wait. */
const MAX_SLOWDOWN = 3;

/** What stays the same while a conversation grows: system prompt and first message, as a hash. */
export function conversationOf(request: ApiRequest, { format }: Context): number | undefined {
  if (format === undefined || request.body === null) return undefined;
  let body: unknown;
  try {
    body = readJson(request);
  } catch {
    // No JSON: the upstream will say so, whichever it is.
    return undefined;
  }
  let hash: number | undefined;
  let left = MAX_PREFIX_CHARS;
  format.mapInput(body, ({ channel, message, text }) => {
    if (left > 0 && (channel === 'system' || message === 0)) {
      const part = text.length > left ? text.slice(0, left) : text;
      left -= part.length;
      hash = hashText(part, hash);
    }
    return text;
  });
  return hash;
}

/**
 * The endpoint that a conversation belongs to: weighted rendezvous hashing, so that only the conversations of an
 * endpoint that comes or goes move. One that is loaded too much or far too slow is passed over.
 *
 * @param waitOf What the next call has to expect of an endpoint.
 */
export function homeOf(
  conversation: number,
  candidates: readonly Route[],
  waitOf: (route: Route) => number,
): Route | undefined {
  let inFlight = 1;
  let weight = 0;
  let leastWait = Infinity;
  for (const route of candidates) {
    inFlight += route.state.inFlight;
    weight += route.weight;
    leastWait = Math.min(leastWait, waitOf(route));
  }
  let home: Route | undefined;
  let best = -Infinity;
  for (const route of candidates) {
    const most = Math.ceil((LOAD_FACTOR * inFlight * route.weight) / weight);
    if (route.state.inFlight + 1 > most || waitOf(route) > MAX_SLOWDOWN * leastWait) continue;
    const score = -route.weight / Math.log(mixHashes(conversation, route.hash));
    if (score > best) {
      best = score;
      home = route;
    }
  }
  return home;
}
