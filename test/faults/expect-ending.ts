import { expect } from 'vitest';
import type { Expected } from './fault.ts';
import type { Seen } from './see.ts';

/** That a caller has seen what it shall see. */
export function expectEnding(
  { status, headers, body, whole }: Seen,
  expected: Expected,
  stream: boolean,
): void {
  expect(status).toBe(expected.status);
  switch (expected.ending) {
    case 'answer':
      expect(whole).toBe(true);
      if (stream) expect(body).toMatch(/"message_stop"\s*(data: )?\}[\r\n]+$/);
      else expect(JSON.parse(body)).toMatchObject({ type: 'message', stop_reason: 'end_turn' });
      break;
    case 'error':
      expect(whole).toBe(true);
      if (headers['content-type'] === 'text/html' || status < 400) break;
      expect(JSON.parse(body)).toMatchObject({
        type: 'error',
        error: { message: expect.any(String) as string },
      });
      break;
    case 'event':
      expect(whole).toBe(true);
      expect(body).toMatch(/(^|\n\n)event: error\ndata: \{"type":"error",.*\}\n\n$/);
      expect(body).not.toContain('message_stop');
      break;
    case 'broken':
      expect(whole).toBe(false);
      break;
  }
}
