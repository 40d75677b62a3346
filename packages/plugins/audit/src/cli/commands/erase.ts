import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { requestErasure } from '../../retention/erasure.ts';
import { LogInUse } from '../../files/lock.ts';
import { openOffline } from '../../retention/offline.ts';
import { type Command, logOf, one, UsageError } from '../cli.ts';
import { ProgressLine } from '../progress.ts';

/** Erases content. */
export const erase: Command = {
  summary: 'erase salts and content of a tenant or a caller; the chain still verifies',
  usage: `sluice-audit erase (--tenant T | --principal P | both) --yes [--dir DIR] [--log NAME]

  --tenant T      of this tenant
  --principal P   of this caller
  --yes           do it: this cannot be undone
  --signing-key F PEM file, to sign the checkpoint at the end (default: there is none)
  --key-name N    its name in checkpoints (default sluice-audit)

While a process writes the log, it is asked to erase, and does so within a minute. What is under legal hold stays: the
process knows, and puts on record at its start what it holds, which this command obeys.`,
  takes: ['dir', 'log', 'tenant', 'principal', 'signing-key', 'key-name'],
  flags: ['yes'],
  async run(args, terminal) {
    const { directory, log } = logOf(args);
    const tenant = one(args, 'tenant');
    const subject = one(args, 'principal');
    if (tenant === undefined && subject === undefined)
      throw new UsageError('say whose content: --tenant or --principal');
    if (args.values['yes'] === undefined) throw new UsageError('this cannot be undone; say --yes to do it');
    const selector = {
      ...(tenant === undefined ? {} : { tenant }),
      ...(subject === undefined ? {} : { subject }),
    };
    const keyFile = one(args, 'signing-key');
    const signer =
      keyFile === undefined
        ? undefined
        : { name: one(args, 'key-name') ?? 'sluice-audit', key: createPrivateKey(await readFile(keyFile)) };
    try {
      const opened = await openOffline({ directory, log, signer, warn: (text) => terminal.err(`${text}\n`) });
      let progress: ProgressLine | undefined;
      try {
        const lines = await opened.erase(selector, (done, all) => {
          progress ??= new ProgressLine(terminal, all);
          progress.show(done);
        });
        progress?.end();
        terminal.out(`${lines} entries erased\n`);
      } finally {
        await opened.close();
      }
    } catch (error) {
      if (!(error instanceof LogInUse)) throw error;
      await requestErasure(directory, log, selector);
      terminal.out('the process that writes this log has been asked, and erases within a minute\n');
    }
    return 0;
  },
};
