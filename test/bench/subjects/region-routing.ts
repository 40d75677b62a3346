import { regionRouting } from '@sluice/region-routing';
import { servePipeline } from '../pipeline.ts';

/** What `regionRouting()` costs a call that succeeds at once: three endpoints, all of them the one upstream. */
export function start(upstreamUrl: string): Promise<number> {
  const endpoints = ['eu', 'us', 'jp'].map((id) => ({
    id,
    region: id,
    url: upstreamUrl,
    credential: { header: 'x-api-key', value: `key-of-${id}` },
  }));
  return servePipeline(upstreamUrl, [regionRouting({ endpoints })]);
}
