import type { Calls } from './calls.ts';
import type { Regions } from './regions.ts';
import { duration } from './table.ts';
import { MODEL } from './visitor.ts';

/** What to try by hand, and a line for each call that comes in. */
export function nextSteps({ url, claude, calls }: { url: string; claude: Regions; calls: Calls }): void {
  const { fakes } = claude;
  const key = fakes ? '' : ' -H "x-api-key: $ANTHROPIC_API_KEY" -H \'anthropic-version: 2023-06-01\'';
  const curl = (options: string, fields: string, question = 'Hello!'): string =>
    `  curl ${options}${url}/claude/v1/messages${key} -H 'content-type: application/json' \\\n` +
    `    -d '{"model":"${MODEL}","max_tokens":100,${fields}"messages":[{"role":"user","content":"${question}"}]}'`;
  console.log(`
Listening on ${url}. Try, in another terminal (the second time, the answer comes from the cache):

${curl('', '')}

${curl('-N ', '"stream":true,')}

${curl('-i ', '', 'What is a grumblewort?')}`);
  if (fakes) {
    console.log(`
With a fault of the fake Claude, which the pipeline survives, or which it makes visible:

${curl('-i -H "x-fake-upstream: status; status=529; times=1; tag=$RANDOM" ', '', 'Busy?')}

${curl("-i -H 'x-fake-upstream: status; status=503' ", '', 'Down?')}

${curl("-N -H 'x-fake-upstream: cut-mid-stream; afterEvents=8' ", '"stream":true,', 'Tell me a story.')}

All faults: packages/core/TESTING.md`);
  }
  console.log(`
With the official SDK:

  new Anthropic({ baseURL: '${url}/claude'${fakes ? ", apiKey: 'not-a-key'" : ''} })

The app's own routes: ${url}/ and ${url}/notes. Ctrl+C ends it.
`);
  calls.on('ended', ({ method, url }, { status, kind, attempts, durationMs }) => {
    const { pathname } = new URL(url);
    const tries = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
    console.log(`${method} ${pathname}: ${status}, ${kind}, ${tries}, ${duration(durationMs)}`);
  });
}
