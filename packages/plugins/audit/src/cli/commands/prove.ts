import { readFile } from 'node:fs/promises';
import { checkProof, type InclusionProof, proveRecord } from '../../verify/prove.ts';
import { type Command, logOf, one, UsageError, wholeNumber } from '../cli.ts';
import { KEY_USAGE, notesOf, verifiersOf } from '../keys.ts';

/** Proves that a record is in a log, without showing another. */
export const prove: Command = {
  summary: 'prove that one record is under a checkpoint, or check such a proof',
  usage: `sluice-audit prove --seq N [--dir DIR] [--log NAME] [--checkpoint FILE]
sluice-audit prove --check PROOF [--key KEY]

  --seq N         the record; the proof goes to standard output, as JSON
  --checkpoint F  file with the checkpoint (default: the first one in the log that covers the record)
  --check F       file with a proof; exit code 0 when it holds, 1 when not
${KEY_USAGE}`,
  takes: ['dir', 'log', 'seq', 'checkpoint', 'check', 'key'],
  flags: [],
  async run(args, terminal) {
    const check = one(args, 'check');
    if (check !== undefined) {
      const proof = JSON.parse(await readFile(check, 'utf8')) as InclusionProof;
      const verifiers = await verifiersOf(args);
      const holds = checkProof(proof, verifiers);
      const signed = verifiers.length > 0 ? '' : ' (the signature was not looked at: give --key)';
      terminal.out(
        holds ? `the record is in the log${signed}\n${proof.line}}\n` : 'the proof does not hold\n',
      );
      return holds ? 0 : 1;
    }
    const seq = wholeNumber(args, 'seq');
    if (seq === undefined) throw new UsageError('give --seq or --check');
    const file = one(args, 'checkpoint');
    const [checkpoint] = file === undefined ? [] : await notesOf([file]);
    const proof = await proveRecord({
      ...logOf(args),
      seq,
      ...(checkpoint === undefined ? {} : { checkpoint }),
    });
    terminal.out(`${JSON.stringify(proof, null, 2)}\n`);
    return 0;
  },
};
