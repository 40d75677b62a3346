import { readFile } from 'node:fs/promises';
import { matchContent } from '../../verify/match.ts';
import { type Command, logOf, one, UsageError, wholeNumber } from '../cli.ts';

const CODES = { same: 0, other: 1, erased: 3 } as const;
const TOLD = {
  same: 'this is what the record has the digest of\n',
  other: 'this is not what the record has the digest of\n',
  erased: 'the salt was erased: nobody can tell\n',
} as const;

/** Compares content with the digest in a record. */
export const match: Command = {
  summary: 'say whether a text is the one that a record has the digest of',
  usage: `sluice-audit match --seq N (--request FILE | --response FILE) [--dir DIR] [--log NAME]

  --seq N          the record: an intent has the request's digest, an outcome the answer's
  --request FILE   the body as it was sent, byte for byte
  --response FILE  the body as it was answered, byte for byte

Exit codes: 0 the same, 1 another, 2 could not be compared, 3 the salt was erased.`,
  takes: ['dir', 'log', 'seq', 'request', 'response'],
  flags: [],
  async run(args, terminal) {
    const seq = wholeNumber(args, 'seq');
    const request = one(args, 'request');
    const path = request ?? one(args, 'response');
    if (seq === undefined || path === undefined)
      throw new UsageError('give --seq and --request or --response');
    const direction = request === undefined ? 'response' : 'request';
    const said = await matchContent({ ...logOf(args), seq, direction, bytes: await readFile(path) });
    terminal.out(TOLD[said]);
    return CODES[said];
  },
};
