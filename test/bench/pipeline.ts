import { createPipeline } from '@sluice/core';
import { mount } from '@sluice/adapters/node';
import { serve } from './subject.ts';

type Plugins = NonNullable<Parameters<typeof createPipeline>[0]['plugins']>;

/** Serves a Sluice pipeline with these plugins through the node adapter. */
export function servePipeline(upstream: string, plugins: Plugins): Promise<number> {
  const handle = mount(createPipeline({ upstream, plugins }));
  return serve((request, response) => {
    void handle(request, response);
  });
}
