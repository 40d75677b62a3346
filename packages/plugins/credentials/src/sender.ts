import {
  type ApiRequest,
  type Attempt,
  type Clock,
  type Context,
  discard,
  KEYED,
  type Next,
  PipelineError,
  PRINCIPAL,
  refuseEcho,
  stateKey,
} from '@sluice/core';
import { type EndpointKeys, poolFor, withKey } from './endpoint-keys.ts';
import type { Judge } from './judge.ts';
import type { KeyPool } from './key-pool.ts';
import type { Keyring } from './keyring.ts';
import type { UpstreamKey } from './upstream-key.ts';
import { Use } from './use.ts';

/** Whether a call has been sent again with another key: once is enough, however often it is retried. */
const SENT_AGAIN = stateKey<boolean>('credentials-sent-again');

/** What one attempt may be sent with. */
interface Choice {
  readonly keys: EndpointKeys;
  readonly pool: KeyPool;
  readonly model: string;
  readonly affinity: string | undefined;
}

/** Sends attempts with the operator's keys. */
export class Sender {
  readonly #keyring: Keyring;
  readonly #judge: Judge;
  readonly #clock: Clock;

  constructor(keyring: Keyring, judge: Judge, clock: Clock) {
    this.#keyring = keyring;
    this.#judge = judge;
    this.#clock = clock;
  }

  /** Sends an attempt, and where its key is turned away, once more with another: once a call, not once an attempt. */
  async send(request: ApiRequest, next: Next, ctx: Context): Promise<Response> {
    const choice = this.#choice(request, ctx);
    // Routing alone asks.
    if (request.endpoint !== undefined) ctx.state.set(KEYED, true);
    const use = this.#pick(choice);
    if (use === undefined) throw nobody(choice, this.#clock.now());
    return this.#sendWith(use, request, next, ctx, choice);
  }

  async #sendWith(
    use: Use,
    request: ApiRequest,
    next: Next,
    ctx: Context,
    choice: Choice,
  ): Promise<Response> {
    const response = await use.send(withKey(request, choice.keys, use.version), next, this.#clock);
    if (response.status < 400) {
      use.admitted();
      return response;
    }
    const { verdict, reason } = await this.#judge.ofAnswer(use, response);
    if (verdict === 'kept') return handOn(response, use);
    const refused = verdict === 'refused';
    await this.#settle(use, refused, reason, request.signal);
    const other = ctx.state.get(SENT_AGAIN) === true ? undefined : this.#instead(use, refused, choice);
    if (other === undefined) return refused ? refuse(response, reason) : handOn(response, use);
    ctx.state.set(SENT_AGAIN, true);
    await discard(response);
    return this.#sendWith(other, request, next, ctx, choice);
  }

  #choice({ endpoint }: ApiRequest, ctx: Context): Choice {
    const principal = ctx.state.get(PRINCIPAL);
    const keys = this.#keyring.endpoint(endpoint?.id);
    return {
      keys,
      pool: poolFor(keys, principal?.tenant),
      model: ctx.model ?? '',
      affinity: principal?.tenant ?? principal?.id,
    };
  }

  #pick({ pool, model, affinity }: Choice, not?: UpstreamKey): Use | undefined {
    const now = this.#clock.now();
    const key = pool.pick(model, affinity, now, not);
    return key && this.#use(key, model, now);
  }

  #use(key: UpstreamKey, model: string, now: number): Use | undefined {
    const version = key.version();
    return version && new Use(key, version, model, now, this.#judgeEnd);
  }

  /** Asks a refused key's source for another one, and tells the operator of a key that is out. */
  async #settle(failed: Use, refused: boolean, reason: string, signal: AbortSignal): Promise<void> {
    const { key, version } = failed;
    const out = refused
      ? !(await this.#keyring.keeperOf(key).renewed(version, signal))
      : key.version() === undefined;
    if (out) this.#judge.tellQuarantined(failed, reason);
  }

  /** Another version of the same key after a refusal, or another key. */
  #instead({ key, model }: Use, refused: boolean, choice: Choice): Use | undefined {
    // The version before may do where the upstream does not know the new one yet.
    const same = refused ? this.#use(key, model, this.#clock.now()) : undefined;
    return same ?? this.#pick(choice, key);
  }

  /** An error event in the place of an answer stands for the status that it would have had. */
  readonly #judgeEnd = (use: Use, { status, disposition }: Attempt): void => {
    if (status !== undefined && status < 400 && disposition?.credential === 'cool') {
      this.#judge.cool(use, undefined);
    }
  };
}

/** An error answer, unless it quotes the key. */
async function handOn(response: Response, { version }: Use): Promise<Response> {
  await refuseEcho(response, version.secret.reveal(), 'credentials');
  return response;
}

/** A caller would take the upstream's 401 for a word about its own key, and some of them quote the operator's. */
async function refuse(response: Response, cause: string): Promise<never> {
  await discard(response);
  throw new PipelineError('credential_refused', { plugin: 'credentials', cause });
}

/** No key can take the attempt: the caller may come back when the first of them has rested, if any does. */
function nobody({ pool, model }: Choice, now: number): PipelineError {
  const reasons = pool.keys.map((key) => ({ id: key.id, ...key.unusable(model, now) }));
  const cause = reasons.map(({ id, state, reason }) => `key "${id}" is ${state}: ${reason}`).join('; ');
  const cooling = reasons.filter(({ state }) => state === 'cooling').map(({ until }) => until - now);
  const plugin = 'credentials';
  return cooling.length === 0
    ? new PipelineError('credential_refused', { plugin, cause })
    : new PipelineError('rate_limited', { plugin, cause, retryAfterMs: Math.max(0, Math.min(...cooling)) });
}
