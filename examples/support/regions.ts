import { type FakeUpstream, fakeUpstream } from '@sluice/core/testing';
import type { RoutingEndpoint } from '@sluice/region-routing';

/** Where the first example sends its calls. */
export interface Regions extends AsyncDisposable {
  /** For `standardPipeline`. The caller's key is handed on. */
  readonly endpoints: readonly RoutingEndpoint[];
  /** The key that callers send. */
  readonly apiKey: string;
  /** The regions, if they are fake ones. Only those can be made to fail. */
  readonly fakes: { readonly eu: FakeUpstream; readonly us: FakeUpstream } | undefined;
}

/** The real API when there is a key for it, else two regions of a fake one in this process, which echoes what it is asked. */
export async function regions(): Promise<Regions> {
  const apiKey = process.env['ANTHROPIC_API_KEY'];
  if (apiKey) {
    return {
      endpoints: [endpoint('anthropic', 'https://api.anthropic.com')],
      apiKey,
      fakes: undefined,
      [Symbol.asyncDispose]: async () => {},
    };
  }
  // Slow enough to see the words come in.
  const [eu, us] = await Promise.all([
    fakeUpstream({ tokenDelayMs: 40 }),
    fakeUpstream({ tokenDelayMs: 40 }),
  ]);
  return {
    endpoints: [endpoint('eu', eu.url), endpoint('us', us.url)],
    apiKey: 'not-a-key',
    fakes: { eu, us },
    async [Symbol.asyncDispose]() {
      await Promise.all([eu.close(), us.close()]);
    },
  };
}

function endpoint(id: string, url: string): RoutingEndpoint {
  return { id, region: id, url, credential: 'caller' };
}
