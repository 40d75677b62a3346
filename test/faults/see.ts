import { rawConnection, rawRequest, rawResponse } from '@sluice/core/testing';
import type { Mounted } from '../support/mounts.ts';

/** What a caller has seen of an answer. */
export interface Seen {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Whether the transport says that this is all. */
  readonly whole: boolean;
}

/** Asks and reads to the end, whatever that is. */
export type See = (mounted: Mounted, body: object, key?: string) => Promise<Seen>;

/** As an SDK does that was given a `fetch`. */
export const seeByFetch: See = async (mounted, body, key = 'key') => {
  const response = await mounted.fetch(`${mounted.baseUrl}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': key },
    body: JSON.stringify(body),
  });
  const chunks: Uint8Array[] = [];
  const facts = { status: response.status, headers: Object.fromEntries(response.headers) };
  try {
    for await (const chunk of response.body ?? []) chunks.push(chunk);
    return { ...facts, body: Buffer.concat(chunks).toString(), whole: true };
  } catch {
    return { ...facts, body: Buffer.concat(chunks).toString(), whole: false };
  }
};

/** As a socket does: nothing between the test and the bytes. */
export const seeBySocket: See = async (mounted, body, key = 'key') => {
  using client = await rawConnection(mounted.baseUrl);
  client.send(rawRequest({ headers: { 'content-type': 'application/json', 'x-api-key': key }, body }));
  const response = rawResponse(await client.received((soFar) => rawResponse(soFar)?.complete === true));
  // Broken before the first byte, which is what a caller of `fetch` learns when it reads the body.
  if (response === undefined) return { status: 200, headers: {}, body: '', whole: false };
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers.map(([name, value]) => [name.toLowerCase(), value])),
    body: response.body.toString(),
    whole: response.complete,
  };
};
