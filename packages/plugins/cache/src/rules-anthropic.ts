import type { CacheRules, AnswerKind, Impurity } from './rules.ts';
import { asList, asObject, isSet, someObject } from './walk.ts';

/** Claude Code's first system block names its own version; the provider takes it away by its position. */
const BILLING_BLOCK = /^x-anthropic-billing-header:[^\n]*$/;

/** Tools that carry a type and still run at the caller. */
const CLIENT_TOOL = /^(?:custom$|bash_|text_editor_|computer_|memory_)/;

/** The Messages API. */
export const anthropicRules: CacheRules = {
  ignored: [
    'metadata',
    'service_tier',
    'speed',
    'billing_policy',
    'diagnostics',
    'cache_control',
    'system.*.cache_control',
    'tools.*.cache_control',
    'messages.*.content.*.cache_control',
    'messages.*.content.*.content.*.cache_control',
  ],
  headers: ['anthropic-version', 'anthropic-beta'],
  normalise: (body) => {
    const [first, ...rest] = asList(body['system']);
    const text = asObject(first)?.['text'];
    return typeof text === 'string' && BILLING_BLOCK.test(text) ? { ...body, system: rest } : body;
  },
  impurities: (body) => {
    const found: Impurity[] = [];
    if (keepsState(body)) found.push('state');
    if (asList(body['mcp_servers']).length > 0 || asList(body['tools']).some(isServerTool))
      found.push('server-tools');
    if (someObject(body['messages'], hasFile) || someObject(body['system'], hasFile)) found.push('files');
    if (someObject(body['messages'], hasUrl)) found.push('urls');
    return found;
  },
  answer: (body) => stopKind(asObject(body)?.['stop_reason'], asList(asObject(body)?.['content'])),
  event: (event) => {
    switch (event.type) {
      case 'message_delta':
        return stopKind(asObject(asObject(event.json)?.['delta'])?.['stop_reason'], []);
      case 'content_block_start':
        return stopKind(undefined, [asObject(event.json)?.['content_block']]);
      default:
        return undefined;
    }
  },
};

function keepsState(body: Readonly<Record<string, unknown>>): boolean {
  if (isSet(body['container']) || isSet(body['thread']) || isSet(body['previous_message_id'])) return true;
  // Fills the provider's prompt cache, and says nothing.
  return body['max_tokens'] === 0;
}

function isServerTool(tool: unknown): boolean {
  const type = asObject(tool)?.['type'];
  return typeof type === 'string' && !CLIENT_TOOL.test(type);
}

function hasFile(object: Readonly<Record<string, unknown>>): boolean {
  return typeof object['file_id'] === 'string';
}

function hasUrl(object: Readonly<Record<string, unknown>>): boolean {
  return object['type'] === 'url' && typeof object['url'] === 'string';
}

function stopKind(reason: unknown, blocks: readonly unknown[]): AnswerKind | undefined {
  if (reason === 'refusal') return 'refusal';
  // The server's own loop was interrupted: the answer is to be sent back and continued.
  if (reason === 'pause_turn') return 'unfinished';
  const isCall = blocks.some((block) => /(?:^|_)tool_use$/.test(String(asObject(block)?.['type'])));
  return reason === 'tool_use' || isCall ? 'tool-call' : undefined;
}
