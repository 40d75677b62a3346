import { type Channel, channel } from 'node:diagnostics_channel';
import type { OutcomeKind, Usage } from '@sluice/core';
import type { PluginEvent } from './plugin-events.ts';

/** A call has begun: `sluice:call:start`. */
export interface CallStart {
  /** The call's id, which its answer and the audit log have too. */
  readonly id: string;
  /** HTTP method. */
  readonly method: string;
  /** The wire dialect; undefined for a request of no known format. */
  readonly format: string | undefined;
  /** The model it asks for, if that is a name and no text. */
  readonly model: string | undefined;
  /** Whether it asks for an event stream. */
  readonly streamed: boolean;
}

/** An attempt is over: `sluice:attempt:end`. */
export interface AttemptEnd {
  /** The call's id. */
  readonly id: string;
  /** From 1 on. */
  readonly number: number;
  /** The endpoint it was sent to; undefined without routing. */
  readonly endpoint: string | undefined;
  /** The region of that endpoint. */
  readonly region: string | undefined;
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
  /** Code of ours, or status of an error answer; undefined when it went well. */
  readonly error: string | undefined;
  /** From its start to its end, in milliseconds; undefined when the call ended before its answer was read. */
  readonly durationMs: number | undefined;
  /** From its start to its first content, in milliseconds; undefined when there was none. */
  readonly firstContentMs: number | undefined;
  /** Tokens as the provider counted them. */
  readonly usage: Usage | undefined;
}

/** A call has ended: `sluice:call:end`. */
export interface CallEnd extends CallStart {
  /** How it ended. */
  readonly outcome: OutcomeKind;
  /** HTTP status that the caller was given. */
  readonly status: number;
  /** Code of ours, or status of an error answer; undefined when it completed. */
  readonly error: string | undefined;
  /** Attempts that were made. */
  readonly attempts: number;
  /** From its start to its last byte, in milliseconds. */
  readonly durationMs: number;
  /** How the cache took part; undefined without one. */
  readonly cacheStatus: string | undefined;
}

/** `node:diagnostics_channel`s that calls are told on. None costs anything while nobody subscribes to it. */
export interface Channels {
  readonly callStart: Channel<CallStart>;
  readonly attemptEnd: Channel<AttemptEnd>;
  readonly callEnd: Channel<CallEnd>;
  readonly event: Channel<PluginEvent>;
}

/** The channels, by their names in Node. Made once: Node keeps a channel only as long as somebody holds it. */
export const CHANNELS: Channels = {
  callStart: channel('sluice:call:start') as Channel<CallStart>,
  attemptEnd: channel('sluice:attempt:end') as Channel<AttemptEnd>,
  callEnd: channel('sluice:call:end') as Channel<CallEnd>,
  event: channel('sluice:event') as Channel<PluginEvent>,
};

/** Whether anybody listens to calls. */
export function callsAreHeard(): boolean {
  const { callStart, attemptEnd, callEnd } = CHANNELS;
  return callStart.hasSubscribers || attemptEnd.hasSubscribers || callEnd.hasSubscribers;
}
