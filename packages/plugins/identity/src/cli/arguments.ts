import { parseArgs } from 'node:util';
import type { KeyGrant } from '../issue-key.ts';

/** How the program is used. */
export const USAGE = `Usage:
  sluice-keys issue  (--file FILE | --redis URL) [grant]   makes a key and prints it, once
  sluice-keys list   (--file FILE | --redis URL) [--json]
  sluice-keys revoke (--file FILE | --redis URL) ID

Grant:
  --principal NAME     who calls with it (default: the key's id)
  --tenant NAME        whose limits and records apply
  --model NAME         may be repeated; a * at the end stands for all that begin so (default: all)
  --region NAME        may be repeated (default: all)
  --limit NAME=NUMBER  may be repeated
  --label NAME=TEXT    may be repeated
  --expires WHEN       a time (ISO 8601), or 90d, 12h, 30m from now

Common:
  --prefix TEXT        as given to identity() (default: sk-sl)
  --hash NAME          the Redis hash (default: sluice:virtual-keys)

SLUICE_KEYS_HMAC_KEY holds the hmacKey, where identity() has one. --redis needs the package ioredis.`;

/** What went wrong is what was asked for. */
export class UsageError extends Error {}

/** What the program is asked to do. */
export interface Command {
  readonly action: 'issue' | 'list' | 'revoke';
  readonly file: string | undefined;
  readonly redis: string | undefined;
  readonly hash: string | undefined;
  readonly prefix: string | undefined;
  readonly id: string | undefined;
  readonly json: boolean;
  readonly grant: KeyGrant;
}

const many = { type: 'string', multiple: true } as const;
const one = { type: 'string' } as const;

/**
 * Reads the arguments.
 *
 * @param now Milliseconds since the Unix epoch.
 * @throws UsageError
 */
export function readArguments(args: readonly string[], now: number): Command {
  const { values, positionals } = parsed(args);
  const [action, id, ...others] = positionals;
  if (action !== 'issue' && action !== 'list' && action !== 'revoke')
    throw new UsageError('Say issue, list or revoke.');
  if (others.length > 0 || (action !== 'revoke' && id !== undefined))
    throw new UsageError('Too many arguments.');
  if (action === 'revoke' && id === undefined) throw new UsageError('Name the id of the key to revoke.');
  const { file, redis, hash, prefix, json = false, principal, tenant, expires } = values;
  if ((file === undefined) === (redis === undefined)) throw new UsageError('Say either --file or --redis.');
  const grant: KeyGrant = {
    ...(principal === undefined ? {} : { principal }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(values.model === undefined ? {} : { models: values.model }),
    ...(values.region === undefined ? {} : { regions: values.region }),
    ...(values.limit === undefined ? {} : { limits: Object.fromEntries(values.limit.map(limit)) }),
    ...(values.label === undefined ? {} : { labels: Object.fromEntries(values.label.map(pair)) }),
    createdAt: new Date(now).toISOString(),
    ...(expires === undefined ? {} : { expiresAt: timeOf(expires, now) }),
  };
  return { action, file, redis, hash, prefix, id, json, grant };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        file: one,
        redis: one,
        hash: one,
        prefix: one,
        json: { type: 'boolean' },
        principal: one,
        tenant: one,
        model: many,
        region: many,
        limit: many,
        label: many,
        expires: one,
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function pair(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new UsageError(`Write it as NAME=VALUE, and not ${text}.`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function limit(text: string): [string, number] {
  const [name, value] = pair(text);
  if (value.trim() === '' || Number.isNaN(Number(value)))
    throw new UsageError(`The limit ${name} must be a number.`);
  return [name, Number(value)];
}

const UNITS_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000 };

function timeOf(text: string, now: number): string {
  const [, count, unit = ''] = /^(\d{1,6})([dhm])$/.exec(text) ?? [];
  const time = count === undefined ? Date.parse(text) : now + Number(count) * (UNITS_MS[unit] as number);
  if (Number.isNaN(time)) throw new UsageError('Write --expires as 2027-01-31T00:00:00Z or as 90d.');
  return new Date(time).toISOString();
}
