import { headerRecord, peekJson } from '@sluice/core';

/** What an endpoint's 403 seems to mean: it is explained, and never failed over. */
export type Diagnosis = 'region' | 'permission' | 'key' | 'unknown';

/** How much of an error is looked at. */
const MAX_CHARS = 8_192;

/** By the words of the providers' errors, most telling first. Their wording is not stable: a hint, not a fact. */
const WORDS: readonly (readonly [Diagnosis, RegExp])[] = [
  [
    'region',
    /unsupported_country|unsupported.{0,20}region|\b(?:country|region|territory)\b.{0,60}not (?:supported|available)|not (?:supported|available).{0,60}\b(?:country|region|location|territory)\b|location is not supported|request not allowed/i,
  ],
  [
    'key',
    /unrecognizedclient|invalidsignature|signaturedoesnotmatch|expiredtoken|security token|(?:invalid|expired|disabled|revoked|deactivated|missing).{0,40}\b(?:key|token|credential|signature)|\b(?:key|token|credential)s?\b.{0,40}(?:invalid|expired|disabled|revoked|deactivated|missing|not valid)/i,
  ],
  [
    'permission',
    /permission|accessdenied|access denied|not authorized|unauthorized|forbidden|not allowed|no access|does not have access|quota project|iam\b/i,
  ],
];

/** Reads the body of a 403, which stays as it is. */
export async function diagnose(response: Response): Promise<Diagnosis> {
  const body = JSON.stringify(await peekJson(response)) ?? '';
  const said = `${body.slice(0, MAX_CHARS)} ${String(headerRecord(response)['x-amzn-errortype'] ?? '')}`;
  return WORDS.find(([, words]) => words.test(said))?.[0] ?? 'unknown';
}
