import { issueKey } from '../issue-key.ts';
import { type KeyRegistry, revokeKey } from '../key-registry.ts';
import type { VirtualKey } from '../virtual-key.ts';
import { type Command, readArguments, USAGE, UsageError } from './arguments.ts';
import { registryOf } from './registry-of.ts';

/** What a run of the program has from outside. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** For what was asked for. */
  readonly print: (line: string) => void;
  /** For what a person should know beside it. */
  readonly tell: (line: string) => void;
}

/** Runs the program. Returns its exit code. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { now, tell } = surroundings;
  try {
    const command = readArguments(args, now);
    const { registry, close } = await registryOf(command);
    try {
      return await act(command, registry, surroundings);
    } finally {
      close();
    }
  } catch (error) {
    tell(`sluice-keys: ${(error as Error).message}`);
    if (!(error instanceof UsageError)) return 1;
    tell(USAGE);
    return 2;
  }
}

async function act(
  { action, id = '', grant, prefix, json }: Command,
  registry: KeyRegistry,
  { env, now, print, tell }: Surroundings,
): Promise<number> {
  if (action === 'list') {
    const keys = await registry.list();
    for (const line of json ? keys.map((key) => JSON.stringify(shown(key, now))) : table(keys, now))
      print(line);
    return 0;
  }
  if (action === 'revoke') {
    if (!(await revokeKey(registry, id, now))) throw new Error(`there is no key ${id}`);
    tell(`Revoked ${id}.`);
    return 0;
  }
  const hmacKey = env['SLUICE_KEYS_HMAC_KEY'];
  const form = { ...(prefix === undefined ? {} : { prefix }), ...(hmacKey === undefined ? {} : { hmacKey }) };
  const { text, key } = issueKey(grant, form);
  await registry.put(key);
  tell(`Issued ${key.id}. This is the only time that the key is shown:`);
  print(text);
  return 0;
}

/** A key as it is listed: without even its hash. */
function shown(
  { hash: _hash, ...key }: VirtualKey,
  now: number,
): Omit<VirtualKey, 'hash'> & { readonly state: string } {
  return { state: stateOf(key, now), ...key };
}

function stateOf({ revokedAt, expiresAt }: Pick<VirtualKey, 'revokedAt' | 'expiresAt'>, now: number): string {
  if (revokedAt !== undefined) return 'revoked';
  return expiresAt !== undefined && Date.parse(expiresAt) <= now ? 'expired' : 'active';
}

function table(keys: readonly VirtualKey[], now: number): string[] {
  const head = ['ID', 'STATE', 'PRINCIPAL', 'TENANT', 'MODELS', 'EXPIRES'];
  const rows = keys.map((key) => [
    key.id,
    stateOf(key, now),
    key.principal ?? '-',
    key.tenant ?? '-',
    key.models?.join(',') ?? 'all',
    key.expiresAt ?? 'never',
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
