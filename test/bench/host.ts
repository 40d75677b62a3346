/** The child process of one subject: `node host.ts <subject> <upstream URL>`. */
import type { Mode } from './canned.ts';
import type { Call } from './sdk.ts';
import type { FromHost, Subject, ToHost } from './subject.ts';

const [name, upstreamUrl] = process.argv.slice(2);
if (!name || !upstreamUrl) throw new Error('usage: node host.ts <subject> <upstream URL>');

function send(message: FromHost): void {
  process.send?.(message);
}

let call: Call = () => Promise.reject(new Error(`${name} is a proxy, and makes no calls`));

process.on('message', (message: ToHost) => {
  if (message.type === 'usage') {
    // All threads of the process count: the garbage collector and the compiler work for the calls as well.
    send({ type: 'usage', cpuUsage: process.cpuUsage(), rssBytes: process.memoryUsage.rss() });
  } else {
    const { mode, inFlight, callsPerSlot } = message;
    // A call that fails ends the process, and so this subject.
    void run(mode, inFlight, callsPerSlot);
  }
});
// Whatever happens to the parent, nothing stays behind.
process.on('disconnect', () => process.exit());

const subject = (await import(`./subjects/${name}.ts`)) as Subject;
if ('client' in subject) {
  call = await subject.client(upstreamUrl);
  send({ type: 'ready', port: 0, requestHeaders: {} });
} else {
  const port = await subject.start(upstreamUrl);
  send({ type: 'ready', port, requestHeaders: subject.requestHeaders?.(upstreamUrl) ?? {} });
}

/** Keeps `inFlight` calls going, each followed by the next one. */
async function run(mode: Mode, inFlight: number, callsPerSlot: number): Promise<void> {
  const startMs = performance.now();
  const slot = async (): Promise<void> => {
    for (let made = 0; made < callsPerSlot; made += 1) await call(mode);
  };
  await Promise.all(Array.from({ length: inFlight }, slot));
  send({ type: 'called', seconds: (performance.now() - startMs) / 1000 });
}
