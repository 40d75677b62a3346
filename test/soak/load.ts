import type { Random } from '@sluice/core';
import { type Behaviour, type FakeUpstream, fakeRandom } from '@sluice/core/testing';
import { type Agent, request } from 'undici';

/** The word that the host's moderation blocks. */
export const BANNED = 'grumblewort';

/** Calls that are in progress at once. */
const CALLERS = 12;

/** What an upstream does in place of an ordinary answer, each as likely as the others. */
const FAULTS: readonly Behaviour[] = [
  { kind: 'status', status: 529 },
  { kind: 'status', status: 500 },
  { kind: 'status', status: 400 },
  { kind: 'reset-before-headers' },
  { kind: 'reset-mid-stream' },
  { kind: 'cut-mid-stream', ending: 'last-chunk' },
  { kind: 'truncate', framing: 'content-length' },
  { kind: 'malformed-sse', flaw: 'crlf' },
  { kind: 'error-event', afterEvents: 4 },
  { kind: 'html' },
  { kind: 'keep-alive-race' },
  { kind: 'extra-bytes' },
  { kind: 'flood', bytes: 64 << 10 },
];
const FAULT_SHARE = 0.04;

/** Has an upstream fail now and then. */
export function failNowAndThen(upstream: FakeUpstream, seed: number): void {
  const random = fakeRandom(seed);
  upstream.script(() =>
    random.next() < FAULT_SHARE ? FAULTS[Math.floor(random.next() * FAULTS.length)] : undefined,
  );
}

/** Where the load goes, and how long. */
export interface Load {
  readonly url: string;
  /** A virtual key of each tenant. */
  readonly keys: readonly string[];
  readonly agent: Agent;
  readonly seed: number;
  /** Whether it is time to stop. */
  over(): boolean;
}

/** How many calls there were. */
export interface Tally {
  calls: number;
  /** By status, and `left` for those whose caller left. */
  readonly ends: Record<string, number>;
}

/** Calls, several at once, until it is over. */
export async function applyLoad(load: Load): Promise<Tally> {
  const tally: Tally = { calls: 0, ends: {} };
  const random = fakeRandom(load.seed);
  const caller = async (): Promise<void> => {
    while (!load.over()) {
      const n = ++tally.calls;
      const end = await call(load, random, n);
      tally.ends[end] = (tally.ends[end] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return tally;
}

/** One call, of a kind by chance. */
async function call({ url, keys, agent }: Load, random: Random, n: number): Promise<string> {
  const chance = random.next();
  const stream = random.next() < 0.5;
  const leaves = chance < 0.05;
  const stranger = chance > 0.98;
  const { statusCode, body } = await request(`${url}/v1/messages`, {
    dispatcher: agent,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-api-key': stranger ? 'sk-sl-nobody' : (keys[n % keys.length] ?? ''),
    },
    body: JSON.stringify({
      model: n % 3 === 0 ? 'claude-haiku-4-5' : 'claude-opus-5-5',
      max_tokens: 200,
      stream: stream || leaves,
      messages: [{ role: 'user', content: question(chance, n) }],
    }),
  });
  try {
    for await (const chunk of body) {
      // What was begun by a head is a call, whatever the caller does next.
      if (leaves && (chunk as Buffer).length > 0) return 'left';
    }
  } catch {
    return 'broken';
  }
  return String(statusCode);
}

function question(chance: number, n: number): string {
  if (chance > 0.96 && chance <= 0.98) return `What is a ${BANNED}?`;
  if (chance > 0.9 && chance <= 0.96) return `Write to ann${n}@example.com, please.`;
  // A quarter is asked again and again.
  if (chance > 0.65 && chance <= 0.9) return `Question ${n % 8} of those that many ask`;
  return `Question ${n}: ${'something that nobody has asked before, '.repeat(1 + (n % 20))}`;
}
