import { createPipeline, type Pipeline } from '@sluice/core';
import { mount } from '@sluice/adapters/node';
import { serve } from './subject.ts';

type Options = Parameters<typeof createPipeline>[0];

/** Serves a Sluice pipeline with these plugins through the node adapter. */
export function servePipeline(
  upstream: string,
  plugins: NonNullable<Options['plugins']>,
  services: NonNullable<Options['services']> = [],
): Promise<number> {
  return serveThrough(createPipeline({ upstream, plugins, services }));
}

/** Serves a pipeline through the node adapter. */
export function serveThrough(pipeline: Pipeline): Promise<number> {
  const handle = mount(pipeline);
  return serve((request, response) => {
    void handle(request, response);
  });
}
