import {
  type Attempt,
  CACHE_STATUS,
  type Context,
  type Outcome,
  PipelineError,
  PRINCIPAL,
  type Usage,
  VERDICTS,
} from '@sluice/core';
import { quoted, quotedName } from './write.ts';

/** Beyond this many, attempts and verdicts are counted and not listed. */
const MAX_LISTED = 32;
const MAX_NOTE_CHARS = 4096;

/** Who called, as members of a record. */
export function principalMembers(ctx: Context): string {
  const principal = ctx.state.get(PRINCIPAL);
  if (principal === undefined) return '';
  const tenant = principal.tenant === undefined ? '' : `,"tenant":${quotedName(principal.tenant)}`;
  return `,"principal":${quotedName(principal.id)}${tenant}`;
}

/** How a call ended, as members of a record. */
export function outcomeMembers(outcome: Outcome, ctx: Context, startedAt: number): string {
  const { kind, status, cause, durationMs, history, usage } = outcome;
  let text = `,"outcome":"${kind}","status":${status}${causeMember(cause)},"durationMs":${Math.round(durationMs)}`;
  text += principalMembers(ctx);
  if (ctx.model !== undefined) text += `,"model":${quoted(ctx.model)}`;
  if (history.length > 0)
    text += `,"attempts":[${listed(history, (one) => attempt(one, startedAt, history.length > 1))}]`;
  if (history.length > MAX_LISTED) text += `,"attemptCount":${history.length}`;
  const firstContent = history.findLast((one) => one.firstContentMs !== undefined);
  if (firstContent?.firstContentMs !== undefined)
    text += `,"firstContentMs":${Math.round(firstContent.startedAt + firstContent.firstContentMs - startedAt)}`;
  if (usage !== undefined) text += `,"usage":${usageText(usage)}`;
  const cache = ctx.state.get(CACHE_STATUS);
  if (cache !== undefined) text += `,"cache":"${cache}"`;
  const verdicts = ctx.state.get(VERDICTS);
  if (verdicts !== undefined && verdicts.length > 0) {
    text += `,"verdicts":[${listed(
      verdicts,
      ({ plugin, rule, action }) =>
        `{"plugin":${quoted(plugin)},"rule":${quoted(rule)},"action":${quoted(action)}}`,
    )}]`;
    if (verdicts.length > MAX_LISTED) text += `,"verdictCount":${verdicts.length}`;
  }
  return text;
}

/** What the application adds. */
export function noteMembers(notes: Readonly<Record<string, string | number | boolean>> | undefined): string {
  if (notes === undefined) return '';
  // What the types forbid comes from JavaScript: `undefined` would make the whole record unreadable.
  const members = Object.entries<unknown>(notes).flatMap(([name, value]) => {
    if (typeof value === 'string') return `${quoted(name)}:${quoted(value)}`;
    return typeof value === 'boolean' || Number.isFinite(value) ? `${quoted(name)}:${String(value)}` : [];
  });
  const text = members.join();
  if (text.length > MAX_NOTE_CHARS) return ',"notes":{"omitted":true}';
  return text === '' ? '' : `,"notes":{${text}}`;
}

function causeMember(cause: unknown): string {
  if (!PipelineError.is(cause)) return '';
  const plugin = cause.plugin === undefined ? '' : `,"plugin":${quoted(cause.plugin)}`;
  return `,"cause":{"code":"${cause.code}"${plugin}}`;
}

function attempt(one: Attempt, startedAt: number, usageToo: boolean): string {
  const { endpoint, status, error, firstContentMs, durationMs, disposition } = one;
  const usage = usageToo ? one.usage : undefined;
  let text = `{"atMs":${Math.round(one.startedAt - startedAt)}`;
  if (endpoint !== undefined) {
    text += `,"endpoint":${quoted(endpoint.id)}`;
    if (endpoint.region !== undefined) text += `,"region":${quoted(endpoint.region)}`;
    if (endpoint.decision !== undefined) text += `,"reason":${quoted(endpoint.decision.reason)}`;
  }
  if (status !== undefined) text += `,"status":${status}`;
  if (error !== undefined) text += `,"error":"${PipelineError.is(error) ? error.code : 'unknown'}"`;
  if (firstContentMs !== undefined) text += `,"firstContentMs":${Math.round(firstContentMs)}`;
  if (durationMs !== undefined) text += `,"durationMs":${Math.round(durationMs)}`;
  if (disposition !== undefined) text += `,"retry":"${disposition.retry}","health":"${disposition.health}"`;
  // Of a single attempt it is the call's.
  if (usage !== undefined) text += `,"usage":${usageText(usage)}`;
  return `${text}}`;
}

function usageText(usage: Usage): string {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } = usage;
  // Written by hand: of what a record costs to put together, this was the dearest part.
  let text = '';
  if (inputTokens !== undefined) text += `,"inputTokens":${inputTokens}`;
  if (outputTokens !== undefined) text += `,"outputTokens":${outputTokens}`;
  if (cacheReadTokens !== undefined) text += `,"cacheReadTokens":${cacheReadTokens}`;
  if (cacheWriteTokens !== undefined) text += `,"cacheWriteTokens":${cacheWriteTokens}`;
  if (reasoningTokens !== undefined) text += `,"reasoningTokens":${reasoningTokens}`;
  return `{${text.slice(1)}}`;
}

function listed<T>(items: readonly T[], write: (item: T) => string): string {
  const [only] = items;
  if (items.length === 1) return write(only as T);
  return items.slice(0, MAX_LISTED).map(write).join();
}
