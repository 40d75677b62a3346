import { definePlugin, type ErrorCode, type Plugin, PipelineError } from '@sluice/core';

/** A plugin that refuses every call, and how many it was asked. */
export function refuser(code: ErrorCode): { readonly plugin: Plugin; readonly asked: () => number } {
  let asked = 0;
  const refuse = definePlugin({
    name: 'refuser',
    create: () => ({
      handle() {
        asked++;
        return Promise.reject(new PipelineError(code));
      },
    }),
  });
  return { plugin: refuse(), asked: () => asked };
}
