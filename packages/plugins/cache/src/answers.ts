import { type BodySource, changeHeaders, type Clock, type Context, responseFrom } from '@sluice/core';
import type { Flight, SharedHead } from './flight.ts';
import type { CacheSettings } from './options.ts';
import { PacedSource } from './paced-source.ts';
import type { Cursor } from './replay-log.ts';
import { SharedBody } from './shared-body.ts';
import { type CacheStatusWord, statusHeaders } from './status-headers.ts';
import type { CacheEntry } from './store.ts';

/** Headers of an answer that are as true for another call: nothing about one request, its limits or its connection. */
const SHARED_HEADERS = ['content-type', 'content-length', 'retry-after', 'retry-after-ms', 'x-should-retry'];

/** Where a call reads a shared answer. */
interface Place {
  readonly flight: Flight;
  readonly cursor: Cursor;
}

/** Makes responses of what was stored or shared. */
export class Answers {
  readonly #settings: CacheSettings;
  readonly #clock: Clock;

  constructor(settings: CacheSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** A stored answer, in the form it had on the wire. */
  stored(entry: CacheEntry, ctx: Context): Response {
    const { body, contentType } = entry;
    const perSecond = this.#settings.replayEventsPerSecond;
    const paced = ctx.streamed && perSecond !== undefined;
    return responseFrom(
      {
        status: 200,
        headers: {
          'content-type': contentType,
          ...(ctx.streamed ? {} : { 'content-length': String(body.length) }),
          ...this.#told(ctx, { hit: entry }),
        },
        body: paced ? new PacedSource(body, this.#clock, perSecond) : body,
      },
      ctx.format,
    );
  }

  /** The answer of the call that has asked, with all its headers. */
  led(place: Place, ctx: Context, word: CacheStatusWord): Response {
    const { headers } = place.flight.head as SharedHead;
    return this.#shared(place, ctx, headers, word);
  }

  /** The same for a call that has joined. Without `askAgain` it has asked again before. */
  followed(
    place: Place,
    ctx: Context,
    word: CacheStatusWord,
    askAgain: (() => Promise<BodySource>) | undefined,
  ): Response {
    const { headers } = place.flight.head as SharedHead;
    const common: Record<string, string | string[]> = {};
    for (const name of SHARED_HEADERS) {
      const value = headers[name];
      if (value !== undefined) common[name] = value;
    }
    return this.#shared(place, ctx, common, word, askAgain);
  }

  /** An answer that is nobody else's, with a word about that. */
  marked(response: Response, ctx: Context, word: CacheStatusWord): Response {
    changeHeaders(response, this.#told(ctx, word));
    return response;
  }

  #shared(
    { flight, cursor }: Place,
    ctx: Context,
    headers: SharedHead['headers'],
    word: CacheStatusWord,
    askAgain?: () => Promise<BodySource>,
  ): Response {
    const { status } = flight.head as SharedHead;
    const body = new SharedBody(flight, cursor, status === 200 ? askAgain : undefined);
    try {
      return responseFrom({ status, headers: { ...headers, ...this.#told(ctx, word) }, body }, ctx.format);
    } catch (error) {
      body.cancel(error);
      throw error;
    }
  }

  #told(ctx: Context, word: CacheStatusWord): Record<string, string> {
    const { statusHeaders: told } = this.#settings;
    const tell = typeof told === 'function' ? told(ctx) : told;
    return tell ? statusHeaders(word, this.#clock.wallTime()) : {};
  }
}
