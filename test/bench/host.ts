/** The child process of one subject: `node host.ts <subject> <upstream URL>`. */
import type { FromHost, Subject, ToHost } from './subject.ts';

const [name, upstreamUrl] = process.argv.slice(2);
if (!name || !upstreamUrl) throw new Error('usage: node host.ts <subject> <upstream URL>');

function send(message: FromHost): void {
  process.send?.(message);
}

process.on('message', (message: ToHost) => {
  // All threads of the process count: the garbage collector and the compiler work for the calls as well.
  if (message === 'cpu') send({ type: 'cpu', cpuUsage: process.cpuUsage() });
});
// Whatever happens to the parent, nothing stays behind.
process.on('disconnect', () => process.exit());

const subject = (await import(`./subjects/${name}.ts`)) as Subject;
send({ type: 'ready', port: await subject.start(upstreamUrl) });
