import { hash, randomBytes } from 'node:crypto';
import {
  type ApiRequest,
  type Clock,
  type Context,
  headerRecord,
  type Outcome,
  PRINCIPAL,
} from '@sluice/core';
import { DIGEST_CHARS, type Unsalted } from '../chain/salts.ts';
import { AnswerCapture, AnswerDigest, watch } from '../content/capture.ts';
import { besideHash } from '../verify/beside-reader.ts';
import type { ContentKey } from '../content/encrypt.ts';
import type { ContentMode, ContentPolicy } from '../content/policy.ts';
import { maskedBytes } from '../content/secrets.ts';
import { type Stored, type StoreOptions, storedRequest, storedResponse } from '../content/stored.ts';
import type { Entry } from '../log/queue.ts';
import { noteMembers, outcomeMembers, principalMembers } from './outcome.ts';
import { stamp } from './stamp.ts';
import { quoted } from './write.ts';

/** What all calls of a plugin share. */
export interface RecordSettings {
  readonly clock: Clock;
  readonly policy: ContentPolicy;
  readonly contentKey: ContentKey | undefined;
  readonly maxContentBytes: number;
  /** Lower-case names of request headers that are recorded. */
  readonly headers: readonly string[];
  readonly annotate:
    | ((outcome: Outcome, ctx: Context) => Readonly<Record<string, string | number | boolean>> | undefined)
    | undefined;
}

/** One call as it becomes two records. */
export class AuditedCall {
  readonly #settings: RecordSettings;
  readonly #request: ApiRequest;
  readonly #ctx: Context;
  readonly #startedAt: number;
  #requestHashed = false;
  #answer: AnswerDigest | undefined;
  #capture: AnswerCapture | undefined;

  constructor(settings: RecordSettings, request: ApiRequest, ctx: Context) {
    this.#settings = settings;
    this.#request = request;
    this.#ctx = ctx;
    this.#startedAt = settings.clock.now();
  }

  /** The record that stands before anything is sent. */
  intent(): Entry {
    const { clock, policy, headers } = this.#settings;
    const { method, url, body, headers: given } = this.#request;
    const { id, format, model, streamed, state } = this.#ctx;
    let members = `"type":"intent","call":"${id}",${stamp(clock)},"method":${quoted(method)},"path":${quoted(pathOf(url))}`;
    if (format !== undefined) members += `,"format":"${format.name}"`;
    if (model !== undefined) members += `,"model":${quoted(model)}`;
    if (streamed) members += ',"streamed":true';
    members += principalMembers(this.#ctx);
    let kept = '';
    for (const name of headers) {
      const value = given[name];
      if (value !== undefined) kept += `,${quoted(name)}:${quoted(value)}`;
    }
    if (kept !== '') members += `,"headers":{${kept.slice(1)}}`;
    if (body === null) return { members, beside: '' };
    members += `,"request":{"bytes":${body.length}`;
    if (!policy.hashesEarly(state.get(PRINCIPAL))) return { members: `${members}}`, beside: '' };
    this.#requestHashed = true;
    const digests = [{ direction: 'request', digest: digestOf(body), fromEnd: LAST_FROM_END }] as const;
    return { members: members + DIGEST_END, digests, beside: '' };
  }

  /** Has the answer watched as it passes. */
  watch(response: Response): Response {
    const mode = this.#settings.policy.of(this.#ctx.state.get(PRINCIPAL)).response;
    if (mode === 'none') return response;
    this.#answer = new AnswerDigest(Number(headerRecord(response)['content-length']));
    if (mode === 'digest') return watch(response, this.#answer);
    const options = { format: this.#ctx.format, mode, maxBytes: this.#settings.maxContentBytes };
    this.#capture = new AnswerCapture(this.#answer, this.#salt, response, options);
    return watch(response, this.#capture);
  }

  /** The record of how it ended. */
  outcome(outcome: Outcome): Entry {
    const { clock, policy, annotate } = this.#settings;
    const { id, state } = this.#ctx;
    const { body } = this.#request;
    const modes = policy.of(state.get(PRINCIPAL));
    let members = `"type":"outcome","call":"${id}",${stamp(clock)}`;
    members += outcomeMembers(outcome, this.#ctx, this.#startedAt);
    if (annotate !== undefined) members += this.#notes(annotate, outcome);
    const beside = this.#beside(modes.request, modes.response);
    const commitment = beside === '' ? '' : `,"beside":"${besideHash(beside)}"`;
    const lastFromEnd = LAST_FROM_END + commitment.length;
    const late = body !== null && !this.#requestHashed && modes.request !== 'none';
    const digests: Unsalted[] = [];
    if (this.#answer !== undefined) {
      const { bytes, digest } = this.#answer;
      members += `,"response":{"bytes":${bytes}${DIGEST_END}`;
      const fromEnd = late ? lastFromEnd + LATE_REQUEST.length : lastFromEnd;
      digests.push({ direction: 'response', digest, fromEnd });
    }
    if (late) {
      members += LATE_REQUEST;
      digests.push({ direction: 'request', digest: digestOf(body), fromEnd: lastFromEnd });
    }
    return { members: members + commitment, digests, beside };
  }

  #beside(request: ContentMode, response: ContentMode): string {
    const { contentKey, maxContentBytes } = this.#settings;
    const { id } = this.#ctx;
    const { body } = this.#request;
    const keepsRequest = body !== null && keeps(request);
    const keepsResponse = this.#capture !== undefined && keeps(response);
    if (!keepsRequest && !keepsResponse) return '';
    const options: StoreOptions = { salt: this.#salt, key: contentKey, call: id, maxBytes: maxContentBytes };
    const stored: { request?: Stored; response?: Stored } = {};
    if (keepsRequest) stored.request = storedRequest(body, request, options);
    if (keepsResponse && this.#capture !== undefined)
      stored.response = storedResponse(this.#capture.captured, response, options);
    // The salt is part of it: what is beside must not be guessed from its hash in the chain.
    return JSON.stringify({ call: id, salt: this.#salt, ...stored });
  }

  /** The application's own words must not cost the record. */
  #notes(annotate: NonNullable<RecordSettings['annotate']>, outcome: Outcome): string {
    try {
      return noteMembers(annotate(outcome, this.#ctx));
    } catch {
      return ',"notes":{"failed":true}';
    }
  }

  /** Of what is kept of the content. Not from RANDOM: nobody may guess it. */
  get #salt(): string {
    this.#saltText ??= randomBytes(16).toString('base64url');
    return this.#saltText;
  }
  #saltText: string | undefined;
}

/** The end of a member that ends with a digest, whose place is kept. */
const DIGEST_END = `,"digest":"${'_'.repeat(DIGEST_CHARS)}"}`;
/** A digest at the end of a record: behind it are a quote and a brace. */
const LAST_FROM_END = DIGEST_CHARS + 2;
const LATE_REQUEST = `,"request":{${DIGEST_END.slice(1)}`;

function digestOf(body: Uint8Array): string {
  return hash('sha256', maskedBytes(body), 'base64url');
}

function keeps(mode: ContentMode): boolean {
  return mode === 'redacted' || mode === 'full';
}

/** The path without the query, where some put their keys. */
function pathOf(url: string): string {
  const path = url.indexOf('/', url.indexOf('://') + 3);
  if (path < 0) return '/';
  const query = url.indexOf('?', path);
  return query < 0 ? url.slice(path) : url.slice(path, query);
}
