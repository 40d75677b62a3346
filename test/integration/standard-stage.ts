import { type CircuitEvent } from '@sluice/circuit-breaker';
import { definePlugin, type Outcome, type Pipeline, provide } from '@sluice/core';
import { type FakeUpstream, fakeUpstream } from '@sluice/core/testing';
import { issueKey, KEY_DIRECTORY, type VirtualKey } from '@sluice/identity';
import { type SeveralEndpoints, standardPipeline } from '@sluice/standard';
import { type AuditFolder, auditFolder } from '../support/audit.ts';
import type { Mount, Mounted } from '../support/mounts.ts';

/** The word that nobody may say. */
export const BANNED = 'grumblewort';
/** What goes upstream in the place of the caller's key. */
export const OPERATORS_KEY = 'sk-the-operators-own';

/** A standard pipeline with every part on, behind a mount, with two regions and two tenants. */
export interface StandardStage extends Mounted {
  readonly pipeline: Pipeline;
  /** Asked first. */
  readonly eu: FakeUpstream;
  /** Asked when the other fails. */
  readonly us: FakeUpstream;
  /** How the calls ended, in the order in which they did. */
  readonly outcomes: readonly Outcome[];
  readonly circuits: readonly CircuitEvent[];
  readonly audit: AuditFolder;
  /** A virtual key of each tenant. */
  readonly keys: { readonly acme: string; readonly globex: string };
  /** Ends everything but the folder of the log. */
  close(): Promise<void>;
}

/** Sets the stage; `options` come in the place of those that all tests have. */
export async function standardStage(
  mount: Mount,
  options: Partial<Omit<SeveralEndpoints, 'upstream'>> = {},
): Promise<StandardStage> {
  const [eu, us, audit] = await Promise.all([fakeUpstream(), fakeUpstream(), auditFolder()]);
  const outcomes: Outcome[] = [];
  const circuits: CircuitEvent[] = [];
  const acme = issueKey({ tenant: 'acme' });
  const globex = issueKey({ tenant: 'globex' });
  const directory = new Map<string, VirtualKey>([acme, globex].map(({ key }) => [key.id, key]));
  const witness = definePlugin({
    name: 'witness',
    create: () => ({
      handle(request, next, ctx) {
        ctx.onComplete((outcome) => void outcomes.push(outcome));
        return next(request);
      },
    }),
  });
  const pipeline = standardPipeline({
    endpoints: [
      { id: 'eu', region: 'eu', url: eu.url },
      { id: 'us', region: 'us', url: us.url },
    ],
    audit: { directory: audit.directory },
    identity: true,
    labels: { explicit: false, implicit: { contentProducer: 'tests' } },
    moderation: { words: [{ text: BANNED }], detectors: ['email'] },
    cache: true,
    rateLimit: {
      rules: [{ name: 'rps', of: 'requests', limit: 25, windowMs: 1_000 }],
      mode: 'pace',
    },
    retry: { baseDelayMs: 1, throttledDelayMs: 1 },
    regionRouting: { strategy: 'priority' },
    circuitBreaker: {
      consecutiveFailures: 3,
      openMs: 60_000,
      onChange: (event) => void circuits.push(event),
    },
    credentials: { poolScope: 'shared', keys: [{ id: 'main', load: () => OPERATORS_KEY }] },
    ...options,
    services: [
      provide(KEY_DIRECTORY, () => ({ find: (id) => directory.get(id) })),
      ...(options.services ?? []),
    ],
    arrange: (plugins) => [witness(), ...(options.arrange?.(plugins) ?? plugins)],
  });
  const mounted = await mount.start(pipeline);
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await mounted[Symbol.asyncDispose]();
    await pipeline.close(1_000);
    await Promise.all([eu.close(), us.close()]);
  };
  return {
    baseUrl: mounted.baseUrl,
    fetch: mounted.fetch,
    pipeline,
    eu,
    us,
    outcomes,
    circuits,
    audit,
    keys: { acme: acme.text, globex: globex.text },
    close: () => (closed ??= close()),
    async [Symbol.asyncDispose]() {
      await (closed ??= close());
      await audit[Symbol.asyncDispose]();
    },
  };
}
