import * as v from 'valibot';
import { KEY_HASH, PUBLIC_ID } from './key-codec.ts';

/** What a directory holds of one key: no secret, and nothing from which it could be had. */
export interface VirtualKey {
  /** The key's public part. Loggable. */
  readonly id: string;
  /** HMAC of the whole key, as `issueKey` made it. */
  readonly hash: string;
  /** Who calls with it, for instance an app; several keys may name the same. Default: the key's `id`. */
  readonly principal?: string;
  /** The organisation whose limits, caches and records apply. Default: none. */
  readonly tenant?: string;
  /** Models it may ask for; `claude-haiku-*` stands for all that begin so. Default: all. */
  readonly models?: readonly string[];
  /** Regions its calls may be sent to. Default: all. */
  readonly regions?: readonly string[];
  /** Limits of its own, by name, for whoever limits. Default: those of everybody. */
  readonly limits?: Readonly<Record<string, number>>;
  /** Anything the application wants its own plugins to know. */
  readonly labels?: Readonly<Record<string, string>>;
  /** When it was made, ISO 8601. */
  readonly createdAt?: string;
  /** From when on it is refused, ISO 8601. Default: never. */
  readonly expiresAt?: string;
  /** When it was revoked, ISO 8601. It is refused, whenever that is. */
  readonly revokedAt?: string;
}

const text = (max: number) =>
  v.pipe(
    v.string('must be text'),
    v.minLength(1, 'must not be empty'),
    v.maxLength(max, `must have at most ${max} characters`),
  );
const time = v.pipe(
  v.string('must be a time'),
  v.check(
    (value) => /^\d{4}-\d\d-\d\d/.test(value) && !Number.isNaN(Date.parse(value)),
    'must be a time, ISO 8601',
  ),
);

const list = (item: v.GenericSchema<string>) => v.array(item, 'must be a list');
const model = v.pipe(text(200), v.regex(/^[^*]+\*?$|^\*$/, 'may have a * at its end alone'));
const limit = v.pipe(
  v.number('must be numbers'),
  v.finite('must be finite'),
  v.minValue(0, 'must be at least 0'),
);
const label = v.pipe(v.string('must be text'), v.maxLength(500, 'must have at most 500 characters'));
const named = <T>(value: v.GenericSchema<T>) => v.record(text(100), value, 'must be an object');

// Every message is ours: valibot's own quote the value.
const schema = v.strictObject({
  id: v.pipe(v.string('must be text'), v.regex(PUBLIC_ID, 'must be the public part of a key')),
  hash: v.pipe(v.string('must be text'), v.regex(KEY_HASH, 'must be as issueKey made it')),
  principal: v.exactOptional(text(200)),
  tenant: v.exactOptional(text(200)),
  models: v.exactOptional(list(model)),
  regions: v.exactOptional(list(text(200))),
  limits: v.exactOptional(named(limit)),
  labels: v.exactOptional(named(label)),
  createdAt: v.exactOptional(time),
  expiresAt: v.exactOptional(time),
  revokedAt: v.exactOptional(time),
});

/**
 * Checks that a value is a {@link VirtualKey}.
 *
 * @throws TypeError That says what is wrong, and holds nothing of the value.
 */
export function checkVirtualKey(value: unknown): VirtualKey {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const complaints = result.issues.map(({ path, type, expected, message }) => {
    if (path === undefined) return 'it is no object';
    const field = String(path[0].key);
    if (type !== 'strict_object') return `${field} ${message}`;
    return expected === 'never' ? 'it has a field that keys do not have' : `${field} is missing`;
  });
  throw new TypeError(`no virtual key: ${[...new Set(complaints)].join('; ')}`);
}

/** Reads a file of keys, a JSON object on each line. */
export function parseKeys(text: string): ReadonlyMap<string, VirtualKey> {
  const keys = new Map<string, VirtualKey>();
  // Somebody who does not replace the file at once is still writing.
  if (text !== '' && !text.endsWith('\n')) throw new TypeError('its last line has no end');
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    try {
      const key = checkVirtualKey(JSON.parse(line));
      if (keys.has(key.id)) throw new TypeError('the id stands on an earlier line already');
      keys.set(key.id, key);
    } catch (error) {
      // What JSON.parse throws quotes the line.
      const complaint = error instanceof SyntaxError ? 'no JSON' : (error as Error).message;
      // oxlint-disable-next-line preserve-caught-error -- a SyntaxError quotes the line.
      throw new TypeError(`line ${index + 1}: ${complaint}`);
    }
  }
  return keys;
}
