import type { PipelineError } from '../errors.ts';
import type { ApiRequest } from '../request.ts';
import type { SseEvent } from '../stream/sse-event.ts';

/** Tokens of one answer as the provider reported them. Absent: not reported. Counters are cumulative. */
export interface Usage {
  /** All input, cache reads and writes included, whatever the provider's own field means. */
  readonly inputTokens?: number;
  /** All output, reasoning included. */
  readonly outputTokens?: number;
  /** The part of the input that was read from the provider's prompt cache. */
  readonly cacheReadTokens?: number;
  /** The part of the input that was written to the provider's prompt cache. */
  readonly cacheWriteTokens?: number;
  /** The part of the output that was reasoning. */
  readonly reasoningTokens?: number;
}

/** What a piece of text is. */
export interface TextPart {
  /**
   * `system`, `message`, `tool-result`, `tool-definition` go in; `text`, `thinking`, `tool-arguments`, `refusal` come
   * out (and go in again as history), and so does `tool-result` from tools that the provider runs itself, and what an
   * answer cites.
   */
  readonly channel:
    | 'system'
    | 'message'
    | 'tool-result'
    | 'tool-definition'
    | 'text'
    | 'thinking'
    | 'tool-arguments'
    | 'refusal';
  /** Separates texts that do not continue each other: block or choice for output, position in the body for input. */
  readonly key: string;
  /** Position in the conversation, for input. */
  readonly message?: number;
  /** The text itself. */
  readonly text: string;
  /**
   * False when a change would break the conversation: signed thinking, names. What a mapper returns for such a part is
   * ignored.
   */
  readonly editable: boolean;
  /** True for a piece that later events may continue, under the same channel and key. Absent: the text is whole. */
  readonly partial?: true;
  /**
   * True for a piece of raw JSON, such as a tool's arguments that are streamed: it holds quotes, names and escapes, and
   * a change must leave it JSON. Absent: the text is what it says.
   */
  readonly json?: true;
}

/** Reads a text and returns what shall stand in its place: the same string to leave it. */
export type TextMapper = (part: TextPart) => string;

/**
 * What an event means for the life of a stream: `preamble` may still be held back, `content` commits, `terminal` is
 * the proper end, `error` is the provider's own failure, `ping` shows life but no progress.
 */
export type EventKind = 'preamble' | 'ping' | 'content' | 'terminal' | 'error';

/** Ends a stream early, in a way that its readers take for an answer: the dialect's own form of a refusal. */
export interface StreamEnding {
  /** Takes note of an event that is handed on. Not to be called for any that is not. */
  note(event: SseEvent): void;
  /** The events that close what is open, say `text`, and end the stream. Nothing may follow them. */
  refuse(text: string): SseEvent[];
}

/** A wire dialect. It alone knows field names; plugins ask it and never name a provider's field. */
export interface Format {
  /** For example `anthropic-messages`. */
  readonly name: string;
  /** Whether a request with this method and path (without query) speaks this format. */
  matches(method: string, path: string): boolean;
  /** Walks all text of a request: system, every message, tool results, tool definitions. Returns the same body when nothing changed. */
  mapInput(body: unknown, map: TextMapper): unknown;
  /** Walks all text of a whole (not streamed) answer. Returns the same body when nothing changed. */
  mapOutput(body: unknown, map: TextMapper): unknown;
  /** Walks the text of one event. Returns the same event when nothing changed. */
  mapEvent(event: SseEvent, map: TextMapper): SseEvent;
  /** What an event means. Called for every event: it must be cheap and must not throw. */
  kind(event: SseEvent): EventKind;
  /** Whether `eventUsage` would find anything; cheap, as it is asked of every event. */
  tellsUsage(event: SseEvent): boolean;
  /** Usage told by one event, merged over what was known before; the same object when the event tells none. */
  eventUsage(event: SseEvent, before: Usage | undefined): Usage | undefined;
  /** Usage told by a whole answer, given as its bytes: of a long one only little has to be parsed. */
  usage(answer: Buffer): Usage | undefined;
  /**
   * What a provider signed or encrypted of its thinking, in a request body or a whole answer, in order. It comes back
   * with the conversation, and another provider would reject it. Absent: the dialect has no such thing.
   */
  signatures?(body: unknown): readonly string[];
  /** The same of one event. Asked of every event of a stream: it must be cheap. */
  eventSignatures?(event: SseEvent): readonly string[];
  /** The status that an error event inside a 200 would have had as a plain answer. */
  errorEventStatus(event: SseEvent): number;
  /** The body of a plain error answer that says what an error event said. */
  errorEventBody(event: SseEvent): string;
  /** The JSON body of a refusal. */
  errorBody(error: PipelineError, callId: string): string;
  /** The bytes that end an unfinished stream with an error. Nothing may follow them. */
  errorEvent(error: PipelineError, callId: string): string;
  /**
   * Models that a request names beside that of the call, and that may answer a part of it or all: fallbacks, and those
   * that tools ask. An empty name stands for one that cannot be told. Absent: the dialect names one model alone.
   *
   * @throws PipelineError `invalid_request` when the body may name some and is no JSON.
   */
  otherModels?(request: ApiRequest): readonly string[];
  /** Whether a request asks for output that a program reads, such as JSON of a schema. */
  structured(body: unknown): boolean;
  /** Beginnings of the keys of texts that end with this event: no later event continues them. */
  endedTexts(event: SseEvent): readonly string[];
  /** The body of a whole answer, not an error, that refuses and says `text`. */
  refusalBody(text: string, callId: string, model: string | undefined): string;
  /** Follows a stream, so that it can be ended before its time. */
  streamEnding(callId: string, model: string | undefined): StreamEnding;
}
