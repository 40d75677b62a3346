import { createPrivateKey, KeyObject } from 'node:crypto';
import type { OptionSchema } from '@sluice/core';
import * as v from 'valibot';
import type { AuditOptions, CheckpointOptions } from './options.ts';

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
const RETENTION_FLOOR_DAYS: Readonly<Record<'cn', number>> = { cn: 183 };

/** Both ways of a call are one line, up to seven times as long for what JSON escapes: `verify` reads lines of 64 MiB. */
const MAX_CONTENT_BYTES = 4 << 20;

/** The options, with defaults where none were given. */
export interface AuditSettings
  extends
    Required<Omit<AuditOptions, 'checkpoints' | 'contentKey' | 'annotate' | 'onAlert'>>,
    Pick<AuditOptions, 'contentKey' | 'annotate' | 'onAlert'> {
  /** Checkpoints; the key is read already. */
  readonly checkpoints: Required<Pick<CheckpointOptions, 'keyName' | 'everyRecords' | 'everyMs'>> &
    Pick<CheckpointOptions, 'origin' | 'publish'> & { readonly signingKey?: KeyObject };
}

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
    maxContentBytes: v.exactOptional(
      v.pipe(bytes(1), v.maxValue(MAX_CONTENT_BYTES, `must be at most ${MAX_CONTENT_BYTES}`)),
      256 << 10,
    ),
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
