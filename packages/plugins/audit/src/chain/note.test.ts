import { createHash, generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { isSignedBy, readNote, readVerifier, verifierText, writeNote } from './note.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const signer = { name: 'logs.example', key: privateKey };
const checkpoint = {
  origin: 'example/log',
  size: 123,
  root: createHash('sha256').update('x').digest('binary'),
};

test('a checkpoint is a C2SP note, and comes back as it was', () => {
  const note = writeNote(checkpoint, signer);
  expect(note).toMatch(/^example\/log\n123\n[A-Za-z0-9+/]{43}=\n\n— logs\.example [A-Za-z0-9+/]{91}=\n$/);
  expect(readNote(note)).toEqual({ ...checkpoint, signed: true });
  expect(isSignedBy(note, [{ name: 'logs.example', key: publicKey }])).toBe(true);
});

test('a signature counts for its name, its key and its text only', () => {
  const note = writeNote(checkpoint, signer);
  const other = generateKeyPairSync('ed25519').publicKey;
  expect(isSignedBy(note, [{ name: 'logs.example', key: other }])).toBe(false);
  expect(isSignedBy(note, [{ name: 'another', key: publicKey }])).toBe(false);
  expect(isSignedBy(note.replace('123', '124'), [{ name: 'logs.example', key: publicKey }])).toBe(false);
  expect(isSignedBy(writeNote(checkpoint), [{ name: 'logs.example', key: publicKey }])).toBe(false);
});

test('an unsigned checkpoint is read, and anything else is not', () => {
  expect(readNote(writeNote(checkpoint))).toEqual({ ...checkpoint, signed: false });
  for (const text of ['', 'a\nb\nc\n', 'log\n-1\nAAAA\n', writeNote(checkpoint).trimEnd()])
    expect(readNote(text)).toBeUndefined();
});

test('a public key passes through its text', () => {
  const text = verifierText(signer);
  expect(text).toMatch(/^logs\.example\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$/);
  const verifier = readVerifier(text);
  expect(isSignedBy(writeNote(checkpoint, signer), verifier === undefined ? [] : [verifier])).toBe(true);
  expect(readVerifier(text.replace('logs', 'dogs'))).toBeUndefined();
});
