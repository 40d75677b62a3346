import { createPrivateKey, KeyObject } from 'node:crypto';
import type { Context, Outcome, OptionSchema } from '@sluice/core';
import * as v from 'valibot';
import type { ContentKey } from './content/encrypt.ts';
import type { ContentOptions } from './content/policy.ts';
import type { AuditAlert, Durability, OverflowPolicy } from './log/settings.ts';
import type { LegalHold, RetentionOptions } from './retention/retention.ts';

/** Checkpoints: who signs them, how often, and where else they go. */
export interface CheckpointOptions {
  /** Ed25519 private key, as a `KeyObject` or PEM text. Default: none, and checkpoints are not signed. */
  readonly signingKey?: KeyObject | string;
  /**
   * Name of the key in checkpoints.
   *
   * @default 'sluice-audit'
   */
  readonly keyName?: string;
  /**
   * Which log a checkpoint is of. One line, unique to the log. Default: `sluice-audit/` and the option `log`.
   */
  readonly origin?: string;
  /**
   * Records between two checkpoints.
   *
   * @default 10_000
   */
  readonly everyRecords?: number;
  /**
   * Time between two checkpoints, in milliseconds, while there are new records.
   *
   * @default 60_000
   */
  readonly everyMs?: number;
  /**
   * Puts a checkpoint into a second place: one that who can write the log cannot. Only that shows a cut end or a log
   * written anew. Default: none.
   */
  readonly publish?: (note: string) => void | Promise<void>;
}

/** Options of `audit`. */
export interface AuditOptions {
  /**
   * Where the log's files are; made when it is not there.
   *
   * @default './audit'
   */
  readonly directory?: string;
  /**
   * Name of the log in its directory. One process writes a log: give each of several a name of its own.
   *
   * @default 'audit'
   */
  readonly log?: string;
  /**
   * When a record counts as written. `sync`: when the disk has it (fdatasync, shared by all calls that wait). `interval`:
   * when it is queued; the file is written within `writeEveryMs` and synced within `syncEveryMs`. `os`: the same without
   * syncs.
   *
   * @default 'interval'
   */
  readonly durability?: Durability;
  /**
   * What happens to a call whose record the log cannot take. `block`: it waits, `maxBlockMs` at most, and is refused.
   * `shed`: it is refused at once. `drop`: it goes on, and the chain says how many records are missing.
   *
   * @default 'block'
   */
  readonly onOverflow?: OverflowPolicy;
  /**
   * Bytes of records that may wait to be written.
   *
   * @default 16_777_216
   */
  readonly maxQueueBytes?: number;
  /**
   * How long a call waits for the log at most, in milliseconds.
   *
   * @default 2_000
   */
  readonly maxBlockMs?: number;
  /**
   * Least time between two writes, in milliseconds, unless `sync`: what a crash of the process costs at most.
   *
   * @default 20
   */
  readonly writeEveryMs?: number;
  /**
   * Longest time that a written record is not synced, in milliseconds, with `interval`: what a power cut costs at most.
   *
   * @default 1_000
   */
  readonly syncEveryMs?: number;
  /**
   * A file that has grown to so many bytes is followed by another.
   *
   * @default 67_108_864
   */
  readonly rotateBytes?: number;
  /**
   * A file that is so old is followed by another, in milliseconds.
   *
   * @default 86_400_000
   */
  readonly rotateMs?: number;
  /** Checkpoints. Default: not signed, not published. */
  readonly checkpoints?: CheckpointOptions;
  /** What is kept of content. Default: salted digests, both ways. */
  readonly content?: ContentOptions;
  /** With what content is encrypted. Default: nothing, content stands in clear beside the chain. */
  readonly contentKey?: ContentKey;
  /**
   * Bytes of each way of a call that are kept, with `full`.
   *
   * @default 262_144
   */
  readonly maxContentBytes?: number;
  /** Request headers that are recorded, lower-case. No other header ever is. Default: none. */
  readonly headers?: readonly string[];
  /**
   * Adds to the record of an outcome: what it cost, the id of a label. No text of the call. What it throws costs the
   * notes, and nothing else. Default: nothing.
   */
  readonly annotate?: (
    outcome: Outcome,
    ctx: Context,
  ) => Readonly<Record<string, string | number | boolean>> | undefined;
  /** How long what is kept. Default: for ever. */
  readonly retention?: RetentionOptions;
  /** What must not be erased or retired, whatever its age. Default: nothing. */
  readonly legalHold?: LegalHold;
  /** Told of faults, gaps and recoveries. Default: `process.emitWarning`. */
  readonly onAlert?: (alert: AuditAlert) => void;
}

const milliseconds = v.pipe(
  v.number('must be a number of milliseconds'),
  v.finite('must be finite'),
  v.minValue(1, 'must be at least 1'),
);
const bytes = (least: number): v.GenericSchema<number> =>
  v.pipe(
    v.number('must be a number of bytes'),
    v.integer('must be a whole number'),
    v.minValue(least, `must be at least ${least}`),
  );
const callback = v.custom<never>((value) => typeof value === 'function', 'must be a function');
const mode = v.picklist(
  ['none', 'digest', 'redacted', 'full'],
  'must be "none", "digest", "redacted" or "full"',
);
const modes = { request: v.exactOptional(mode), response: v.exactOptional(mode) };
const days = v.exactOptional(
  v.pipe(
    v.number('must be a number of days'),
    v.finite('must be finite'),
    v.minValue(1, 'must be at least 1'),
  ),
);
const line = v.pipe(
  v.string('must be text'),
  v.regex(/^[^\s+]{1,128}$/u, 'must be 1 to 128 characters without spaces or "+"'),
);
const selector = v.strictObject({
  tenant: v.exactOptional(v.string('must be text')),
  subject: v.exactOptional(v.string('must be text')),
});

/** The least that records are kept, by profile, in days. */
export const RETENTION_FLOOR_DAYS: Readonly<Record<'cn', number>> = { cn: 183 };

/** The options, with defaults where none were given. */
export type AuditSettings = v.InferOutput<typeof schema>;

const schema = v.pipe(
  v.strictObject({
    directory: v.exactOptional(
      v.pipe(v.string('must be a path'), v.minLength(1, 'must be a path')),
      './audit',
    ),
    log: v.exactOptional(
      v.pipe(
        v.string('must be a name'),
        v.regex(/^[A-Za-z0-9][\w-]{0,63}$/, 'must be a name of letters, digits, "-" and "_"'),
      ),
      'audit',
    ),
    durability: v.exactOptional(
      v.picklist(['sync', 'interval', 'os'], 'must be "sync", "interval" or "os"'),
      'interval',
    ),
    onOverflow: v.exactOptional(
      v.picklist(['block', 'shed', 'drop'], 'must be "block", "shed" or "drop"'),
      'block',
    ),
    maxQueueBytes: v.exactOptional(bytes(65_536), 16 << 20),
    maxBlockMs: v.exactOptional(milliseconds, 2_000),
    writeEveryMs: v.exactOptional(milliseconds, 20),
    syncEveryMs: v.exactOptional(milliseconds, 1_000),
    rotateBytes: v.exactOptional(bytes(4_096), 64 << 20),
    rotateMs: v.exactOptional(milliseconds, 86_400_000),
    checkpoints: v.exactOptional(
      v.strictObject({
        signingKey: v.exactOptional(
          v.pipe(
            v.custom<KeyObject | string>(
              isSigningKey,
              'must be an Ed25519 private key, a KeyObject or PEM text; make one with crypto.generateKeyPairSync("ed25519")',
            ),
            v.transform((key) => (typeof key === 'string' ? createPrivateKey(key) : key)),
          ),
        ),
        keyName: v.exactOptional(line, 'sluice-audit'),
        origin: v.exactOptional(line),
        everyRecords: v.exactOptional(
          v.pipe(
            v.number('must be a number'),
            v.integer('must be a whole number'),
            v.minValue(1, 'must be at least 1'),
          ),
          10_000,
        ),
        everyMs: v.exactOptional(milliseconds, 60_000),
        publish: v.exactOptional(callback as v.GenericSchema<NonNullable<CheckpointOptions['publish']>>),
      }),
      {},
    ),
    content: v.exactOptional(
      v.strictObject({
        ...modes,
        tenants: v.exactOptional(v.record(v.string(), v.strictObject(modes))),
      }),
      {},
    ),
    contentKey: v.exactOptional(
      v.strictObject({
        id: line,
        key: v.custom<Uint8Array>(
          (value) => value instanceof Uint8Array && value.length === 32,
          'must be 32 bytes, such as crypto.randomBytes(32)',
        ),
      }),
    ),
    maxContentBytes: v.exactOptional(bytes(1), 256 << 10),
    headers: v.exactOptional(
      v.array(
        v.pipe(
          v.string('must be a lower-case header name'),
          v.regex(/^[a-z0-9!#$%&'*+.^_`|~-]+$/, 'must be a lower-case header name'),
          v.check((name) => !SECRET_HEADERS.has(name), 'carries credentials, which are never recorded'),
        ),
        'must be a list of header names',
      ),
      [],
    ),
    annotate: v.exactOptional(callback as v.GenericSchema<NonNullable<AuditOptions['annotate']>>),
    retention: v.exactOptional(
      v.strictObject({
        profile: v.exactOptional(v.picklist(['cn'], 'must be "cn"')),
        recordDays: days,
        contentDays: days,
      }),
      {},
    ),
    legalHold: v.exactOptional(
      v.union([v.literal(true), v.array(selector)], 'must be true or a list of { tenant, subject }'),
      [],
    ),
    onAlert: v.exactOptional(callback as v.GenericSchema<NonNullable<AuditOptions['onAlert']>>),
  }),
  v.check(
    ({ retention: { profile, recordDays } }) =>
      profile === undefined || recordDays === undefined || recordDays >= RETENTION_FLOOR_DAYS[profile],
    `option "retention.recordDays": the profile "cn" keeps network logs for at least ${RETENTION_FLOOR_DAYS.cn} days; raise it or leave it out`,
  ),
  v.check(
    ({ retention: { recordDays, contentDays } }) =>
      recordDays === undefined || contentDays === undefined || contentDays <= recordDays,
    'option "retention.contentDays": content cannot outlive its records; make it at most recordDays',
  ),
  v.check(
    ({ checkpoints: { publish, signingKey } }) => publish === undefined || signingKey !== undefined,
    'option "checkpoints.publish": who reads a published checkpoint has to know that it is yours; give checkpoints.signingKey too',
  ),
);

/** Checks the options and fills in the defaults. */
export const options: OptionSchema<AuditSettings> = schema;

/** Never recorded, whatever the allow list says. */
const SECRET_HEADERS = new Set([
  'authorization',
  'proxy-authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'cookie',
  'set-cookie',
]);

function isSigningKey(value: unknown): boolean {
  try {
    const key = typeof value === 'string' ? createPrivateKey(value) : value;
    return key instanceof KeyObject && key.type === 'private' && key.asymmetricKeyType === 'ed25519';
  } catch {
    return false;
  }
}
