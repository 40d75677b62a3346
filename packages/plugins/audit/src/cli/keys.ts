import { createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { readVerifier, type Verifier } from '../chain/note.ts';
import { type Arguments, UsageError } from './cli.ts';

/** What `--key` may be, for usage texts. */
export const KEY_USAGE: string =
  '  --key KEY       public key that checkpoints have to be signed with: name+id+key, or name=FILE with PEM';

/** The keys that were given. */
export async function verifiersOf(args: Arguments): Promise<Verifier[]> {
  return Promise.all((args.values['key'] ?? []).map(verifierOf));
}

async function verifierOf(text: string): Promise<Verifier> {
  const verifier = readVerifier(text);
  if (verifier !== undefined) return verifier;
  const [name, ...rest] = text.split('=');
  const file = rest.join('=');
  if (name === undefined || name === '' || file === '')
    throw new UsageError(`--key takes name+id+key or name=FILE, not "${text}"`);
  const key = createPublicKey(await readFile(file));
  if (key.asymmetricKeyType !== 'ed25519') throw new UsageError(`${file} holds no Ed25519 key`);
  return { name, key };
}

/** The checkpoints in files, each a note; several may follow each other. */
export async function notesOf(files: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  return texts.flatMap((text, index) => {
    const notes = text.match(NOTES);
    if (notes === null) throw new UsageError(`${files[index]} holds no checkpoint`);
    return notes;
  });
}

const NOTES = /^[^\n—][^\n]*\n\d+\n[A-Za-z0-9+/]{43}=\n(?:\n(?:— [^\n]+\n)+)?/gm;
