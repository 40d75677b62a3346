import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KeyCodec } from '../key-codec.ts';
import { parseKeys, type VirtualKey } from '../virtual-key.ts';

const program = fileURLToPath(new URL('sluice-keys.ts', import.meta.url));
let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-cli-'));
  file = join(folder, 'keys.jsonl');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly told: string;
}

/** Runs the program as a shell would. */
function sluiceKeys(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [program, ...args],
      { env: { ...process.env, ...env } },
      (error, out, told) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, told });
      },
    );
  });
}

const keys = async (): Promise<VirtualKey[]> => [...parseKeys(await readFile(file, 'utf8')).values()];

describe('sluice-keys', () => {
  test('issues a key that is shown once and stored nowhere, lists it, and revokes it', async () => {
    const grant =
      '--principal billing-bot --tenant acme --model claude-haiku-* --model claude-opus-5-5 --region eu --limit requests=60 --label team=billing --expires 90d';
    const issued = await sluiceKeys(['issue', '--file', file, ...grant.split(' ')]);
    expect(issued.code).toBe(0);
    const text = issued.out.trim();
    const read = new KeyCodec({ prefix: 'sk-sl' }).read(text);
    expect(read).toBeDefined();
    expect(issued.told).not.toContain(text);

    const [key] = await keys();
    expect(key).toMatchObject({
      id: read?.id,
      hash: Buffer.from(read?.hash ?? '', 'latin1').toString('base64url'),
      principal: 'billing-bot',
      tenant: 'acme',
      models: ['claude-haiku-*', 'claude-opus-5-5'],
      regions: ['eu'],
      limits: { requests: 60 },
      labels: { team: 'billing' },
    });
    expect(Date.parse(key?.expiresAt ?? '') - Date.parse(key?.createdAt ?? '')).toBe(90 * 86_400_000);

    const secret = text.slice(-49, -6);
    const listed = await sluiceKeys(['list', '--file', file]);
    expect(listed.out).toMatch(
      new RegExp(`^ID .*\\n${read?.id} +active +billing-bot +acme +claude-haiku-\\*,claude-opus-5-5 +20`),
    );
    const json = await sluiceKeys(['list', '--file', file, '--json']);
    expect(JSON.parse(json.out)).toMatchObject({ id: read?.id, state: 'active' });
    for (const sink of [await readFile(file, 'utf8'), listed.out, json.out])
      expect(sink).not.toContain(secret);
    expect(listed.out + json.out).not.toContain(key?.hash);

    expect(await sluiceKeys(['revoke', '--file', file, read?.id ?? ''])).toMatchObject({ code: 0, out: '' });
    expect((await keys())[0]).toHaveProperty('revokedAt');
    expect((await sluiceKeys(['list', '--file', file])).out).toContain('revoked');
  });

  test('uses the prefix and the hmacKey of the installation', async () => {
    const hmacKey = 'k'.repeat(32);
    const { out } = await sluiceKeys(['issue', '--file', file, '--prefix', 'sk-acme'], {
      SLUICE_KEYS_HMAC_KEY: hmacKey,
    });
    expect(new KeyCodec({ prefix: 'sk-acme', hmacKey }).read(out.trim())?.id).toBe((await keys())[0]?.id);
  });

  test.each<[string, readonly string[], number, string]>([
    ['nothing', [], 2, 'Say issue, list or revoke.'],
    ['no place', ['list'], 2, 'Say either --file or --redis.'],
    ['two places', ['list', '--file', 'a', '--redis', 'b'], 2, 'Say either --file or --redis.'],
    ['an unknown option', ['list', '--file', 'a', '--secret'], 2, "Unknown option '--secret'"],
    ['no id', ['revoke', '--file', 'a'], 2, 'Name the id'],
    ['a bad limit', ['issue', '--file', 'a', '--limit', 'requests=many'], 2, 'must be a number'],
    ['a bad time', ['issue', '--file', 'a', '--expires', 'soon'], 2, 'Write --expires as'],
    ['a bad model', ['issue', '--file', 'a', '--model', 'a*b'], 1, 'models may have a * at its end alone'],
    ['a bad prefix', ['issue', '--file', 'a', '--prefix', 'SK'], 1, 'small letters'],
    ['an unknown id', ['revoke', '--file', '/nonexistent/keys', 'abc'], 1, 'there is no key abc'],
    ['a Redis that is not there', ['list', '--redis', 'redis://127.0.0.1:1'], 1, 'sluice-keys: '],
  ])('says what is wrong with %s', async (_what, args, code, complaint) => {
    const ran = await sluiceKeys(args);
    expect(ran).toMatchObject({ code, out: '' });
    expect(ran.told).toContain(complaint);
  });
});
