import { PipelineError } from '@sluice/core';

const BEARER = /^bearer +/i;

/**
 * What a caller shows as its key: `x-api-key` and `api-key` as they are, `authorization` behind `Bearer`. SDKs differ
 * in which they send. Undefined when there is none.
 *
 * @throws PipelineError `invalid_request` when there are two: which one counts would be the caller's to choose.
 */
export function presentedKey(headers: Readonly<Record<string, string>>): string | undefined {
  const { authorization } = headers;
  const bearer =
    authorization === undefined || !BEARER.test(authorization)
      ? undefined
      : authorization.replace(BEARER, '');
  let shown = bearer;
  for (const other of [headers['x-api-key'], headers['api-key']]) {
    if (other === undefined) continue;
    if (other !== (shown ?? authorization ?? other)) {
      throw new PipelineError('invalid_request', {
        message: 'The request carries two different credentials.',
      });
    }
    shown = other;
  }
  return shown;
}
