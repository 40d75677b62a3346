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

test('a note of another program is verified, among other signatures, and a bent one is not', () => {
  // From the documentation of golang.org/x/mod/sumdb/note.
  const verifier = readVerifier('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW');
  const verifiers = verifier === undefined ? [] : [verifier];
  const text =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
  const peter =
    '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
  const enoch =
    '— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n';
  for (const signatures of [peter, enoch + peter, peter + enoch])
    expect(isSignedBy(`${text}\n${signatures}`, verifiers)).toBe(true);
  for (const note of [text, `${text}\n`, `${text}\n${enoch}`, `${text}\n${peter.replace('x08', 'y08')}`])
    expect(isSignedBy(note, verifiers)).toBe(false);
  expect(isSignedBy(`${text}\n${peter}`.replaceAll('\n', '\r\n'), verifiers)).toBe(false);
});

test('an unsigned checkpoint is read, and anything else is not', () => {
  expect(readNote(writeNote(checkpoint))).toEqual({ ...checkpoint, signed: false });
  for (const text of ['', 'a\nb\nc\n', 'log\n-1\nAAAA\n', writeNote(checkpoint).trimEnd()])
    expect(readNote(text)).toBeUndefined();
  for (const size of ['0123', '+123', '9007199254740993', ''])
    expect(readNote(writeNote(checkpoint).replace('123', size))).toBeUndefined();
});

test('a public key passes through its text', () => {
  const text = verifierText(signer);
  expect(text).toMatch(/^logs\.example\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$/);
  const verifier = readVerifier(text);
  expect(isSignedBy(writeNote(checkpoint, signer), verifier === undefined ? [] : [verifier])).toBe(true);
  for (const bent of [text.replace('logs', 'dogs'), `${text}==`, `${text}!`, text.slice(0, -4)])
    expect(readVerifier(bent)).toBeUndefined();
});
