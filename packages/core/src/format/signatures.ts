import type { SseEvent } from '../stream/sse-event.ts';
import { eventName } from './event-kind.ts';
import { get } from './spot.ts';

const NONE: readonly string[] = [];

/** Signed or encrypted thinking of Anthropic's: of every message of a request, or of an answer. */
export function anthropicSignatures(body: unknown): readonly string[] {
  const found: string[] = [];
  const messages = get(body, 'messages');
  for (const holder of Array.isArray(messages) ? (messages as unknown[]) : [body]) {
    const content = get(holder, 'content');
    if (Array.isArray(content)) for (const block of content as unknown[]) addBlock(found, block);
  }
  return found;
}

/** The same of one event: a signature is a delta of its own, what is encrypted comes with the start of its block. */
export function anthropicEventSignatures(event: SseEvent): readonly string[] {
  switch (eventName(event)) {
    case 'content_block_start': {
      const found: string[] = [];
      addBlock(found, get(event.json, 'content_block'));
      return found;
    }
    case 'content_block_delta': {
      // Text, thinking and arguments come this way too, a thousand times as often: not worth parsing.
      if (!event.data.includes('signature_delta')) return NONE;
      const signature = get(get(event.json, 'delta'), 'signature');
      return isSignature(signature) ? [signature] : NONE;
    }
    default:
      return NONE;
  }
}

/** Encrypted reasoning of the Responses API: of the items that go in, or come out. */
export function responsesSignatures(body: unknown): readonly string[] {
  const found: string[] = [];
  for (const name of ['input', 'output']) {
    const items = get(body, name);
    if (Array.isArray(items)) for (const item of items as unknown[]) addItem(found, item);
  }
  return found;
}

/** The same of one event. */
export function responsesEventSignatures(event: SseEvent): readonly string[] {
  if (eventName(event) !== 'response.output_item.done') return NONE;
  const found: string[] = [];
  addItem(found, get(event.json, 'item'));
  return found;
}

function addBlock(found: string[], block: unknown): void {
  const type = get(block, 'type');
  if (type !== 'thinking' && type !== 'redacted_thinking') return;
  const signature = get(block, type === 'thinking' ? 'signature' : 'data');
  if (isSignature(signature)) found.push(signature);
}

function addItem(found: string[], item: unknown): void {
  const signature = get(item, 'type') === 'reasoning' ? get(item, 'encrypted_content') : undefined;
  if (isSignature(signature)) found.push(signature);
}

function isSignature(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
