import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { verifierText } from '../../chain/note.ts';
import { type Command, one, UsageError } from '../cli.ts';

/** Makes a key that signs checkpoints. */
export const keygen: Command = {
  summary: 'make a key pair that signs checkpoints',
  usage: `sluice-audit keygen --out FILE [--key-name NAME]

  --out FILE      where the private key goes, as PEM; must not be there yet
  --key-name N    name of the key in checkpoints (default sluice-audit)

The public key goes to standard output, in the form that --key takes.`,
  takes: ['out', 'key-name'],
  flags: [],
  async run(args, terminal) {
    const out = one(args, 'out');
    if (out === undefined) throw new UsageError('say where the private key goes: --out FILE');
    const { privateKey } = generateKeyPairSync('ed25519');
    await writeFile(out, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
    terminal.out(`${verifierText({ name: one(args, 'key-name') ?? 'sluice-audit', key: privateKey })}\n`);
    return 0;
  },
};
