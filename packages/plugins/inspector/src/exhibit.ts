import { guarded, type Pipeline } from '@sluice/core';
import { isForeignPage, isLoopback, type Visitor } from './access.ts';
import { Feed } from './feed.ts';
import type { InspectorHandle } from './handle.ts';
import type { MountSettings } from './options.ts';
import { readPage } from './page.ts';

/** An answer to a visitor: a text, or the feed. */
export interface Exhibited {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined: the feed. */
  readonly body: string | undefined;
}

/** A visitor's question. */
export interface Question<Req> extends Visitor {
  readonly method: string;
  /** Path below the mount, without query. */
  readonly path: string;
  /** What `authorize` is asked with. */
  readonly request: Req;
}

const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
};

/** The page and its feed, whatever carries them: who may see them, and what they say. */
export class Exhibit<Req> {
  readonly feed: Feed;
  readonly #settings: MountSettings<Req>;
  readonly #handle: InspectorHandle;
  readonly #page = readPage();

  /** @throws TypeError When no pipeline has the handle: the page would stay empty. */
  constructor(pipeline: Pipeline, handle: InspectorHandle, settings: MountSettings<Req>) {
    if (!handle.isAttached) {
      throw new TypeError(
        'mount of the inspector: no pipeline has this handle; add inspector({ handle }) to its plugins.',
      );
    }
    this.#settings = settings;
    this.#handle = handle;
    this.feed = new Feed(pipeline, handle.records, settings.maxViewers);
    handle.onClose(() => {
      this.feed.close();
    });
  }

  /** Path below the mount of an address without its origin; undefined when it does not lie there. */
  pathOf(target: string): string | undefined {
    const { basePath } = this.#settings;
    const query = target.indexOf('?');
    const path = query < 0 ? target : target.slice(0, query);
    if (path === basePath) return '/';
    return path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : undefined;
  }

  /** What a visitor gets. Never rejects. */
  async answer(question: Question<Req>): Promise<Exhibited> {
    // Strangers learn nothing, not even which paths there are.
    if (!(await this.#admits(question)))
      return plain(403, 'This page is not for you. See the option authorize.\n');
    const { method, path } = question;
    if (path !== '/' && path !== '/feed') return plain(404, 'There is nothing here.\n');
    if (method !== 'GET') return plain(405, 'Only GET.\n', { allow: 'GET' });
    if (path === '/') {
      const { html, policy } = this.#page;
      return { ...plain(200, html, { 'content-security-policy': policy }, 'text/html'), body: html };
    }
    if (isForeignPage(question)) return plain(403, 'Not for other sites.\n');
    if (!this.#handle.isAttached) return plain(503, 'The pipeline is closed.\n');
    if (!this.feed.hasRoom) return plain(503, 'Too many are watching.\n', { 'retry-after': '10' });
    return {
      status: 200,
      headers: { ...HEADERS, 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' },
      body: undefined,
    };
  }

  async #admits(question: Question<Req>): Promise<boolean> {
    const { authorize } = this.#settings;
    if (authorize === undefined) return isLoopback(question);
    try {
      const said: unknown = await authorize(question.request);
      // Only what was meant: a user object, or a promise in a list, is no yes.
      return said === true;
    } catch (error) {
      guarded('authorize of the inspector threw', () => {
        throw error;
      });
      return false;
    }
  }
}

function plain(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
  type = 'text/plain',
): Exhibited {
  return { status, headers: { ...HEADERS, 'content-type': `${type}; charset=utf-8`, ...headers }, body };
}
