import type { Attributes } from '@opentelemetry/api';
import { type Attempt, type Context, PRINCIPAL, type Usage } from '@sluice/core';
import { ATTRIBUTE, PROVIDER_OF_FORMAT, VALUE } from './conventions.ts';
import { plainName } from './known-names.ts';
import type { Parts } from './parts.ts';

/** The operation: all formats are chats; what has none passes through. */
function operationOf({ format }: Context): string {
  return format === undefined ? VALUE.passThrough : VALUE.chat;
}

/** The name of a call's span. Only models that are known: a name stands for many spans. */
export function spanName(ctx: Context, { models }: Parts): string {
  const model = ctx.model === undefined ? VALUE.other : models.of(ctx.model);
  return model === VALUE.other ? operationOf(ctx) : `${operationOf(ctx)} ${model}`;
}

/** What is known of a call when it begins; samplers decide by it. */
export function startAttributes(ctx: Context, { settings }: Parts): Attributes {
  const { format, maxOutputTokens, streamed } = ctx;
  const attributes: Attributes = { [ATTRIBUTE.operation]: operationOf(ctx) };
  if (format === undefined) return attributes;
  attributes[ATTRIBUTE.provider] = settings.provider ?? PROVIDER_OF_FORMAT[format.name] ?? format.name;
  const model = plainName(ctx.model);
  if (model !== undefined) attributes[ATTRIBUTE.requestModel] = model;
  if (maxOutputTokens !== undefined) attributes[ATTRIBUTE.requestMaxTokens] = maxOutputTokens;
  if (streamed) attributes[ATTRIBUTE.requestStream] = true;
  return attributes;
}

/** What all metrics of a call have in common: few values, whatever callers send. */
export function metricAttributes(ctx: Context, { settings, models, tenants }: Parts): Attributes {
  const attributes: Attributes = { [ATTRIBUTE.operation]: operationOf(ctx) };
  if (ctx.format !== undefined) {
    attributes[ATTRIBUTE.provider] =
      settings.provider ?? PROVIDER_OF_FORMAT[ctx.format.name] ?? ctx.format.name;
    if (ctx.model !== undefined) attributes[ATTRIBUTE.requestModel] = models.of(ctx.model);
  }
  if (settings.tenant === 'all') {
    const tenant = ctx.state.get(PRINCIPAL)?.tenant;
    tenants.learn(tenant);
    if (tenant !== undefined) attributes[ATTRIBUTE.tenant] = tenants.of(tenant);
  }
  return attributes;
}

/** What the attempts of a call used together: all of it is paid for, what a hedge lost too. Nothing for a cache hit. */
export function usageAttributes(history: readonly Attempt[]): Attributes {
  const attributes: Attributes = {};
  for (const { usage } of history) {
    if (usage === undefined) continue;
    for (const name of Object.keys(USAGE) as (keyof Usage)[]) {
      const tokens = usage[name];
      if (tokens !== undefined) {
        const before = attributes[USAGE[name]];
        attributes[USAGE[name]] = (typeof before === 'number' ? before : 0) + tokens;
      }
    }
  }
  return attributes;
}

const USAGE: Readonly<Record<keyof Usage, string>> = {
  inputTokens: ATTRIBUTE.inputTokens,
  outputTokens: ATTRIBUTE.outputTokens,
  cacheReadTokens: ATTRIBUTE.cacheReadTokens,
  cacheWriteTokens: ATTRIBUTE.cacheWriteTokens,
  reasoningTokens: ATTRIBUTE.reasoningTokens,
};
