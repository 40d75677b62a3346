import { CLOCK, definePlugin, PipelineError, type PluginFactory, RANDOM } from '@sluice/core';
import { ContentPolicy } from './content/policy.ts';
import { FileSink } from './files/file-sink.ts';
import { AuditLog } from './log/audit-log.ts';
import { guardedAlert } from './log/guarded-alert.ts';
import { LogUnavailable } from './log/unavailable.ts';
import { warn } from './log/warn.ts';
import type { AuditOptions } from './options.ts';
import { AuditedCall, type RecordSettings } from './record/audited-call.ts';
import { Upkeep } from './retention/upkeep.ts';
import { type AuditSettings, options } from './settings.ts';
import { AUDIT_SINKS } from './sinks/sink.ts';

/** An SDK shall come back when the disk may have recovered. */
const RETRY_AFTER_MS = 1_000;

/**
 * Writes two records of each call into a log that shows tampering: one before anything is sent, one when the call has
 * ended, refusals by any plugin included.
 */
export const audit: PluginFactory<AuditOptions> = definePlugin<
  AuditOptions,
  AuditSettings,
  { clock: typeof CLOCK; random: typeof RANDOM; sinks: typeof AUDIT_SINKS }
>({
  name: 'audit',
  outside: [
    'identity',
    'moderation',
    'rate-limit',
    'cache',
    'retry',
    'region-routing',
    'circuit-breaker',
    'credentials',
  ],
  needs: { clock: CLOCK, random: RANDOM, sinks: AUDIT_SINKS },
  options,
  create: (settings, { clock, random, sinks }) => {
    const { checkpoints, onAlert, content } = settings;
    const alert = guardedAlert(onAlert ?? warn);
    const files: FileSink[] = [];
    const log = new AuditLog(
      sinks(() => {
        const sink = new FileSink(settings, clock);
        files.push(sink);
        return sink;
      }),
      {
        ...settings,
        origin: checkpoints.origin ?? `sluice-audit/${settings.log}`,
        signer:
          checkpoints.signingKey === undefined
            ? undefined
            : { name: checkpoints.keyName, key: checkpoints.signingKey },
        checkpointEveryRecords: checkpoints.everyRecords,
        checkpointEveryMs: checkpoints.everyMs,
        publish: checkpoints.publish,
        alert,
      },
      clock,
      random.uuid(),
    );
    const recording: RecordSettings = {
      clock,
      policy: new ContentPolicy(content),
      contentKey: settings.contentKey,
      maxContentBytes: settings.maxContentBytes,
      headers: settings.headers,
      annotate: settings.annotate,
    };

    const upkeeps = files.map(
      (sink) =>
        new Upkeep({
          ...settings,
          clock,
          alert,
          rotate: () => log.between((size) => sink.rotate(size)),
          control: (type, members) => log.control(type, members),
        }),
    );

    return {
      async handle(request, next, ctx) {
        const call = new AuditedCall(recording, request, ctx);
        try {
          const admission = log.admit(call.intent());
          if (admission instanceof Promise) await admission;
        } catch (error) {
          if (!(error instanceof LogUnavailable)) throw error;
          // Its intent may be written yet: then the outcome has to say that nothing came of it.
          if (error.queued) ctx.onComplete((outcome) => log.append(call.outcome(outcome)));
          throw new PipelineError('overloaded', {
            plugin: 'audit',
            retryAfterMs: RETRY_AFTER_MS,
            cause: error,
          });
        }
        ctx.onComplete((outcome) => {
          const written = log.append(call.outcome(outcome));
          // To wait keeps the whole call in memory. Where nobody is promised a sync, closing writes what is left.
          return settings.durability === 'sync' ? written : undefined;
        });
        request.signal.throwIfAborted();
        return call.watch(await next(request));
      },
      async start() {
        await log.start();
        for (const upkeep of upkeeps) upkeep.start();
      },
      async close() {
        for (const upkeep of upkeeps) await upkeep.close();
        await log.close();
      },
    };
  },
});
