import { CACHE_STATUS, type Outcome, PipelineError, type State, VERDICTS } from '@sluice/core';
import { short } from './short.ts';

/**
 * How a call ended, in one word: answered by an upstream or out of the cache, refused by a plugin, failed, or left by its
 * caller.
 */
export type EndingKind = 'served' | 'cached' | 'refused' | 'failed' | 'left';

/** Where and how a call was answered. No text of it. */
export interface Ending {
  readonly kind: EndingKind;
  /** The plugin that answered; undefined when an upstream did, or nobody knows. */
  readonly plugin: string | undefined;
  /** The endpoint that answered last; empty where nothing routes, undefined when nothing was sent. */
  readonly endpoint: string | undefined;
  /** Its region. */
  readonly region: string | undefined;
  /** What went wrong, as a code: of the table of errors, `HTTP 529`, or a moderation rule's name. */
  readonly code: string | undefined;
}

/** Says where and how a call was answered. */
export function endingOf({ kind, status, history, cause }: Outcome, state: State): Ending {
  const last = history.at(-1);
  const where = {
    endpoint: last === undefined ? undefined : short(last.endpoint?.id ?? ''),
    region: last?.endpoint?.region,
  };
  const error = PipelineError.is(cause) ? cause : undefined;
  const ended = (word: EndingKind, plugin: string | undefined, code: string | undefined): Ending => ({
    kind: word,
    plugin: plugin === undefined ? undefined : short(plugin),
    ...where,
    code: code === undefined ? undefined : short(code),
  });
  if (kind === 'client-abort' || kind === 'shutdown') return ended('left', undefined, error?.code ?? kind);
  const verdict = state.get(VERDICTS)?.findLast(({ action }) => action === 'blocked');
  if (verdict !== undefined) return ended('refused', verdict.plugin, verdict.rule);
  if (kind === 'refused') {
    // A plugin that broke has refused nothing.
    const broken = error?.code === 'plugin_failed' || error?.code === 'internal';
    return ended(broken ? 'failed' : 'refused', error?.plugin, error?.code);
  }
  if (kind !== 'completed') return ended('failed', error?.plugin, error?.code ?? `HTTP ${status}`);
  const cached = state.get(CACHE_STATUS);
  if (cached === 'hit' || cached === 'stale' || cached === 'collapsed')
    return ended('cached', 'cache', undefined);
  return ended('served', undefined, undefined);
}
