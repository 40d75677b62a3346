import {
  type Clock,
  type Context,
  type Format,
  SseEvent,
  type StreamEnding,
  type TextMapper,
  type TextPart,
  VERDICTS,
} from '@sluice/core';
import { CombinedFinder } from './combined-finder.ts';
import { Conversation } from './conversation/conversation.ts';
import { type Find, WHOLE, withoutAllowed } from './finder.ts';
import { JoinedTexts } from './joined-texts.ts';
import type { ModerationOptions } from './options.ts';
import { Placeholders } from './placeholders.ts';
import type { Panel } from './moderators/panel.ts';
import { decide, type Direction, type Finding, maskOf } from './policy.ts';
import { Refusal } from './refusal.ts';
import type { RuleBook } from './rule-book.ts';
import { ModeratedStream } from './stream/moderated-stream.ts';
import { ReviewedStream } from './stream/reviewed-stream.ts';
import type { Decision } from './stream/text-channel.ts';

/** Thrown out of a walk once a text is blocked. */
export class Blocked extends Error {}

const ACTIONS = { block: 'blocked', redact: 'redacted', flag: 'flagged' } as const;

type Place = Pick<TextPart, 'channel' | 'editable' | 'message'>;

/** Moderation of one call: one version of the rules, one set of placeholders, one list of verdicts. */
export class CallModeration {
  readonly rules: RuleBook;
  readonly #options: ModerationOptions;
  readonly #ctx: Context;
  readonly #except: ReadonlySet<TextPart['channel']>;
  /** Made once there is something to note: in most calls there is not. */
  #placeholders: Placeholders | undefined;
  #told: Set<string> | undefined;
  readonly #conversation: Conversation | undefined;
  /** The last thing that the caller says: a refusal is in its language. */
  #lastMessage = '';

  /** @param except Channels that are not read. */
  constructor(
    rules: RuleBook,
    options: ModerationOptions,
    except: ReadonlySet<TextPart['channel']>,
    ctx: Context,
  ) {
    this.rules = rules;
    this.#options = options;
    this.#ctx = ctx;
    this.#except = except;
    this.#conversation =
      options.conversation === undefined ? undefined : new Conversation(options.conversation);
  }

  get refusal(): Refusal {
    return new Refusal(this.#options.refusal ?? {}, this.#ctx, /\p{Script=Han}/u.test(this.#lastMessage));
  }

  /** Whether a channel is not read. */
  skips(channel: TextPart['channel']): boolean {
    return this.#except.has(channel);
  }

  /** Walks a request's text. Returns the same body when nothing in it is changed. */
  input(format: Format, body: unknown): unknown {
    const firstInScope = this.#firstInScope(format, body);
    return this.#walk('input', (map) => format.mapInput(body, map), firstInScope);
  }

  /** Looks at all messages together, once each has been looked at by itself. */
  whole(format: Format, body: unknown): void {
    const conversation = this.#conversation;
    if (conversation === undefined) return;
    const firstInScope = this.#firstInScope(format, body);
    // One after the other: what is spread over messages counts for the topics.
    for (const finds of [() => conversation.spread(this.rules.finder), () => conversation.topics()]) {
      for (const { find, message } of finds()) {
        const part = { channel: 'message', editable: false, message } as const;
        if (this.note(find, 'input', part, message >= firstInScope) === 'block') throw new Blocked();
      }
    }
  }

  /** Walks a whole answer's text. */
  output(format: Format, body: unknown): unknown {
    return this.#walk('output', (map) => format.mapOutput(body, map), 0);
  }

  /** Each text by itself, and then what is spread over several of one message. */
  #walk(direction: Direction, walk: (map: TextMapper) => unknown, firstInScope: number): unknown {
    const joined = new JoinedTexts();
    const inScope = ({ message }: TextPart): boolean => message === undefined || message >= firstInScope;
    let place = 0;
    const walked = walk((part) => {
      if (this.skips(part.channel)) return part.text;
      joined.add(part, place++);
      if (direction === 'input') this.#conversation?.said(part);
      return this.#whole(part, direction, inScope(part));
    });
    const spread = joined.finds(this.rules.finder);
    if (spread.length === 0) return walked;
    const masks = new Map<number, Find[]>();
    for (const { find, part, text, stretches } of spread) {
      const replacement = this.#replacement(find, direction, part, inScope(part), text);
      if (replacement === undefined) continue;
      for (const [i, { place: at, start, end }] of stretches.entries()) {
        const mask = { ...find, start, end, restores: i === 0 ? replacement : '' };
        const others = masks.get(at);
        if (others === undefined) masks.set(at, [mask]);
        else others.push(mask);
      }
    }
    if (masks.size === 0) return walked;
    place = 0;
    return walk((part) => {
      if (this.skips(part.channel)) return part.text;
      return this.#whole(part, direction, inScope(part), masks.get(place++));
    });
  }

  /** Asks the moderators about all that goes in and is in scope, or about all that comes out. */
  async judge(
    direction: Direction,
    format: Format,
    body: unknown,
    panel: Panel,
    signal: AbortSignal,
  ): Promise<void> {
    const parts: TextPart[] = [];
    const firstInScope = direction === 'input' ? this.#firstInScope(format, body) : 0;
    const collect = (part: TextPart): string => {
      const inScope = part.message === undefined || part.message >= firstInScope;
      if (inScope && !this.skips(part.channel)) parts.push(part);
      return part.text;
    };
    if (direction === 'input') format.mapInput(body, collect);
    else format.mapOutput(body, collect);
    const judged = await Promise.all(parts.map((part) => panel.judge(part.text, direction, signal)));
    for (const [i, finds] of judged.entries()) {
      for (const find of finds) {
        if (this.note(find, direction, unmaskable(parts[i] as TextPart)) === 'block') throw new Blocked();
      }
    }
  }

  /** Lets moderators judge a streamed answer. */
  review(format: Format, panel: Panel, clock: Clock, signal: AbortSignal): ReviewedStream {
    const { review = { windowChars: 512 } } = this.#options;
    return new ReviewedStream({
      format,
      clock,
      windowChars: review === 'full' ? Number.POSITIVE_INFINITY : review.windowChars,
      skips: (channel) => this.skips(channel),
      judge: async (text, channel) =>
        (await panel.judge(text, 'output', signal)).some(
          (find) => this.note(find, 'output', { channel, editable: false }) === 'block',
        ),
      ...this.#stopping(format),
    });
  }

  /** Moderates a streamed answer. */
  stream(format: Format): ModeratedStream {
    const { finder } = this.rules;
    const placeholders = this.#placeholders;
    return new ModeratedStream({
      format,
      finder: placeholders === undefined ? finder : new CombinedFinder([finder, placeholders]),
      decide: (find, part, text) => this.#inStream(find, part, text),
      ...this.#stopping(format),
    });
  }

  /** How a stream of the call ends when it is blocked. */
  #stopping(format: Format): {
    readonly ending: StreamEnding | undefined;
    readonly refuse: (ending: StreamEnding | undefined) => readonly SseEvent[];
  } {
    const { refusal } = this;
    const { id, model } = this.#ctx;
    return {
      ending: refusal.asMessage ? format.streamEnding(id, model) : undefined,
      refuse: (ending) =>
        ending?.refuse(refusal.sentence) ?? [
          new SseEvent(Buffer.from(format.errorEvent(refusal.error(), id))),
        ],
    };
  }

  /** Decides about a find, and takes note of it. A find outside the scope is flagged instead of blocking. */
  note(find: Find, direction: Direction, part: Place, inScope = true): Finding['action'] {
    if (direction === 'input') this.#conversation?.found(part, find.category);
    const finding = decide(this.#options.rules ?? [], find, direction, part);
    const action = finding.action === 'block' && !inScope ? 'flag' : finding.action;
    if (action !== 'pass') this.#tell({ ...finding, action });
    return action;
  }

  #whole(part: TextPart, direction: Direction, inScope: boolean, masks: readonly Find[] = []): string {
    const { text } = part;
    // What cannot be edited is a name, and nobody's sentence.
    if (direction === 'input' && part.channel === 'message' && part.editable) this.#lastMessage = text;
    let finds = withoutAllowed(this.rules.findAll(text));
    if (direction === 'output' && this.#placeholders !== undefined) {
      finds = [...finds, ...this.#placeholders.find(text, WHOLE).finds];
    }
    if (masks.length > 0) finds = [...finds, ...masks];
    if (finds.length === 0) return text;
    let out = '';
    let at = 0;
    for (const find of [...finds].sort((a, b) => a.start - b.start || b.end - a.end)) {
      const { start, end, restores } = find;
      const found = text.slice(start, end);
      const replacement = restores ?? this.#replacement(find, direction, part, inScope, found);
      if (replacement === undefined || end <= at) continue;
      out += text.slice(at, Math.max(at, start)) + (start >= at ? replacement : '');
      at = end;
    }
    return at === 0 ? text : out + text.slice(at);
  }

  /** What stands in the place of a find in a whole text; undefined leaves it. */
  #replacement(
    find: Find,
    direction: Direction,
    part: TextPart,
    inScope: boolean,
    text: string,
  ): string | undefined {
    const action = this.note(find, direction, part, inScope);
    if (action === 'block') throw new Blocked();
    if (action !== 'redact') return undefined;
    const reversible = direction === 'input' && find.label !== undefined && this.#options.restore !== false;
    if (!reversible) return maskOf(find, text);
    this.#placeholders ??= new Placeholders();
    return this.#placeholders.of(text, find.label as string) ?? maskOf(find, text);
  }

  #inStream(find: Find, part: Place & Pick<TextPart, 'json'>, text: string): Decision {
    if (find.restores !== undefined) {
      return part.editable ? { kind: 'replace', text: find.restores } : { kind: 'pass' };
    }
    if (this.skips(part.channel)) return { kind: 'pass' };
    const action = this.note(find, 'output', part);
    if (action === 'block') return { kind: 'block' };
    if (action !== 'redact') return { kind: 'pass' };
    const mask = maskOf(find, text);
    return { kind: 'replace', text: part.json === true ? JSON.stringify(mask).slice(1, -1) : mask };
  }

  #firstInScope(format: Format, body: unknown): number {
    const { scope = 'all' } = this.#options;
    if (scope === 'all') return 0;
    let last = -1;
    let lastAnswer = -1;
    format.mapInput(body, ({ message, channel, text }) => {
      if (message !== undefined) last = Math.max(last, message);
      if (message !== undefined && channel === 'text') lastAnswer = Math.max(lastAnswer, message);
      return text;
    });
    return scope === 'last' ? lastAnswer + 1 : last + 1 - scope.lastMessages;
  }

  #tell(finding: Finding): void {
    const { rule, action, direction, channel } = finding;
    // Once for each rule and place: a text that repeats a word must not fill memory.
    const id = `${rule} ${action} ${direction} ${channel}`;
    this.#told ??= new Set();
    if (this.#told.has(id)) return;
    this.#told.add(id);
    if (action === 'block' || action === 'redact' || action === 'flag') {
      const verdict = { plugin: 'moderation', rule, action: ACTIONS[action] };
      const { state } = this.#ctx;
      state.set(VERDICTS, [...(state.get(VERDICTS) ?? []), verdict]);
    }
    try {
      this.#options.onFinding?.(finding, this.#ctx.id);
    } catch {
      // A listener's failure is its own.
    }
  }
}

/** What a classifier says is about a text as a whole: there is nothing in it to mask. */
function unmaskable({ channel, message }: TextPart): Place {
  return message === undefined ? { channel, editable: false } : { channel, editable: false, message };
}
