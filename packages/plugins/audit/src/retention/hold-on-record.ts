import { quotedName } from '../record/write.ts';
import type { HoldSelector, LegalHold } from './retention.ts';
import { readLog } from './segments.ts';

const MEMBER = '"legalHold"';

/** What is held, as a member of a record of the log's own. */
export function holdMember(hold: LegalHold): string {
  return `${MEMBER}:${hold === true ? 'true' : `[${hold.map(written).join()}]`}`;
}

/** What the process that last wrote a log held; nothing when it did not say. */
export async function holdOnRecord(directory: string, log: string): Promise<LegalHold> {
  let hold: LegalHold = [];
  await readLog({ directory, log, hints: [MEMBER] }, ({ record }) => {
    const said = record['legalHold'];
    if (said === true || Array.isArray(said)) hold = said as LegalHold;
    return undefined;
  });
  return hold;
}

function written({ tenant, subject }: HoldSelector): string {
  const members = Object.entries({ tenant, subject }).flatMap(([name, value]) =>
    value === undefined ? [] : `"${name}":${quotedName(value)}`,
  );
  return `{${members.join()}}`;
}
