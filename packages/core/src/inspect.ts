import { redacted } from './describe.ts';
import { guarded } from './diagnostics.ts';
import type { InspectedRow, PluginInstance } from './plugin.ts';

/** What one plugin of a pipeline knows now. */
export interface PluginInspection {
  /** The plugin's name in the pipeline. */
  readonly plugin: string;
  /** What it says of itself; empty when it says nothing. Secrets are named, not shown. */
  readonly rows: readonly InspectedRow[];
}

/** Asks the plugins, outermost first. One whose `inspect` throws is reported, and says nothing. */
export function inspectPlugins(
  instances: readonly { readonly plugin: { readonly name: string }; readonly instance: PluginInstance }[],
): readonly PluginInspection[] {
  return instances.map(({ plugin: { name }, instance }) => {
    let rows: readonly InspectedRow[] = [];
    guarded(`inspect() of plugin "${name}" threw`, () => {
      rows = redacted(instance.inspect?.() ?? []) as readonly InspectedRow[];
    });
    return { plugin: name, rows };
  });
}
