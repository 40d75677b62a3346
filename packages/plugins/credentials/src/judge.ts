import { classify, type Clock, peekJson, type Random } from '@sluice/core';
import type { CredentialEvent, Tell } from './credential-event.ts';
import { explain } from './explain.ts';
import type { CredentialsSettings } from './options.ts';
import type { Use } from './use.ts';

/** What an answer said of the key. `refused` and `spent`: of no more use. `limited`: it rests. `kept`: nothing, or nothing to act on. */
export type Verdict = 'kept' | 'limited' | 'spent' | 'refused';

/** Draws from an error answer what it means for the key that it came with. The bytes stay as they are. */
export class Judge {
  readonly #settings: CredentialsSettings;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #tell: Tell;

  constructor(
    settings: CredentialsSettings,
    { clock, random, tell }: { readonly clock: Clock; readonly random: Random; readonly tell: Tell },
  ) {
    this.#settings = settings;
    this.#clock = clock;
    this.#random = random;
    this.#tell = tell;
  }

  /** Of an answer with an error status. */
  async ofAnswer(
    use: Use,
    response: Response,
  ): Promise<{ readonly verdict: Verdict; readonly reason: string }> {
    const clock = this.#clock;
    const { credential } = classify(response, clock);
    const body = await peekJson(response);
    if (credential === 'keep') {
      // What the upstream looked into closer, it did not turn away for a limit.
      if (response.status < 500) use.admitted();
      return { verdict: 'kept', reason: '' };
    }
    const reason = explain(response, body);
    if (response.status === 403) {
      // Says nothing of the key itself: a caller can bring it about by asking for a model that the account has not.
      use.admitted();
      this.#tell({ type: 'key-forbidden', ...named(use), reason });
      return { verdict: 'kept', reason };
    }
    const { retry, retryAfterMs } = classify(response, clock, body);
    if (credential === 'cool' && (retry !== 'no' || retryAfterMs !== undefined)) {
      this.cool(use, retryAfterMs);
      return { verdict: 'limited', reason };
    }
    use.key.quarantine(use.version, this.#settings.quarantineMs, reason);
    return { verdict: response.status === 401 ? 'refused' : 'spent', reason };
  }

  /** The key rests for the model. */
  cool(use: Use, toldMs: number | undefined): void {
    const { coolMs, maxCoolMs } = this.#settings;
    // No longer than told: whoever waits as long is not to find it resting still.
    const forMs = Math.min(maxCoolMs, toldMs ?? coolMs * (1 + this.#random.next() / 10));
    use.key.cool(use.model, forMs, 'the upstream’s limit is reached (429)');
    this.#tell({ type: 'key-cooled', ...named(use), forMs });
  }

  /** Tells that a key is out. */
  tellQuarantined(use: Use, reason: string): void {
    this.#tell({ type: 'key-quarantined', ...named(use), forMs: this.#settings.quarantineMs, reason });
  }
}

function named({ key, model }: Use): Pick<CredentialEvent, 'key' | 'endpoint' | 'tenant' | 'model'> {
  const { id, endpoint, tenant } = key;
  return {
    key: id,
    endpoint,
    ...(tenant === undefined ? {} : { tenant }),
    ...(model === '' ? {} : { model }),
  };
}
