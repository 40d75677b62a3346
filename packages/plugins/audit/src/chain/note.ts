import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { Digest } from './tree.ts';

/** What a checkpoint says: so many records, and this tree head over them. */
export interface Checkpoint {
  /** Which log; one line. */
  readonly origin: string;
  /** Records under the head. */
  readonly size: number;
  /** RFC 6962 tree head. */
  readonly root: Digest;
}

/** Who signs checkpoints. */
export interface Signer {
  /** Name of the key in the note. */
  readonly name: string;
  /** Ed25519 private key. */
  readonly key: KeyObject;
}

/** Who may have signed a checkpoint. */
export interface Verifier {
  /** Name of the key in the note. */
  readonly name: string;
  /** Ed25519 public key. */
  readonly key: KeyObject;
}

const ED25519 = 1;
/** What stands before the 32 bytes of an Ed25519 public key in DER. */
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex');
const RAW_KEY_BYTES = 32;

/** A checkpoint in the form of C2SP tlog-checkpoint; signed, if there is somebody to sign it. */
export function writeNote({ origin, size, root }: Checkpoint, signer?: Signer): string {
  const body = `${origin}\n${size}\n${Buffer.from(root, 'binary').toString('base64')}\n`;
  if (signer === undefined) return body;
  const id = keyId(signer.name, rawPublicKey(signer.key));
  const signature = Buffer.concat([id, sign(null, Buffer.from(body), signer.key)]);
  return `${body}\n— ${signer.name} ${signature.toString('base64')}\n`;
}

const NOTE = /^([^\n]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n(?:[^\n]+\n)*?(?:\n((?:— [^\n]+\n)+))?$/;

/** Reads a note without judging its signatures. */
export function readNote(note: string): (Checkpoint & { readonly signed: boolean }) | undefined {
  const match = NOTE.exec(note);
  if (match === null) return undefined;
  const [, origin = '', digits = '', root = '', signatures] = match;
  const size = Number(digits);
  // A number that is rounded would be another one than was signed.
  if (!Number.isSafeInteger(size)) return undefined;
  return {
    origin,
    size,
    root: Buffer.from(root, 'base64').toString('binary'),
    signed: signatures !== undefined,
  };
}

/** Whether one of these keys has signed the note. */
export function isSignedBy(note: string, verifiers: readonly Verifier[]): boolean {
  const end = note.indexOf('\n\n');
  if (end < 0) return false;
  const body = Buffer.from(note.slice(0, end + 1));
  const lines = note.slice(end + 2).split('\n');
  return lines.some((line) => {
    const [dash, name, text, ...rest] = line.split(' ');
    if (dash !== '—' || text === undefined || rest.length > 0) return false;
    const signature = Buffer.from(text, 'base64');
    // Only one spelling of a signature counts: else a changed byte could go unseen.
    if (signature.length !== 68 || signature.toString('base64') !== text) return false;
    return verifiers.some(
      (one) =>
        one.name === name &&
        signature.subarray(0, 4).equals(keyId(one.name, rawPublicKey(one.key))) &&
        verify(null, body, one.key, signature.subarray(4)),
    );
  });
}

/** A public key in the form that C2SP tools take: `name+id+key`. */
export function verifierText({ name, key }: Signer | Verifier): string {
  const raw = rawPublicKey(key);
  const typed = Buffer.concat([Buffer.from([ED25519]), raw]);
  return `${name}+${keyId(name, raw).toString('hex')}+${typed.toString('base64')}`;
}

/** Reads such a key. */
export function readVerifier(text: string): Verifier | undefined {
  const match = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim());
  if (match === null) return undefined;
  const [, name = '', id, encoded = ''] = match;
  const typed = Buffer.from(encoded, 'base64');
  if (typed[0] !== ED25519 || typed.length !== RAW_KEY_BYTES + 1) return undefined;
  if (typed.toString('base64') !== encoded) return undefined;
  const raw = typed.subarray(1);
  if (keyId(name, raw).toString('hex') !== id) return undefined;
  return {
    name,
    key: createPublicKey({ key: Buffer.concat([SPKI_HEAD, raw]), format: 'der', type: 'spki' }),
  };
}

function rawPublicKey(key: KeyObject): Buffer {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI_HEAD.length);
}

function keyId(name: string, raw: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([ED25519]), raw]);
  return createHash('sha256').update(typed).digest().subarray(0, 4);
}
