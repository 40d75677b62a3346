import type { Plugin } from './plugin.ts';

/**
 * Checks names and order of a pipeline's plugins. The array is the order; nothing is sorted.
 *
 * @throws TypeError One sentence that says which plugin to move where.
 */
export function checkOrder(plugins: readonly Plugin[]): void {
  const position = new Map<string, number>();
  for (const [index, { name }] of plugins.entries()) {
    if (position.has(name)) {
      throw new TypeError(
        `plugin "${name}" stands in the pipeline twice; give one of them another name with named().`,
      );
    }
    position.set(name, index);
  }
  for (const [index, plugin] of plugins.entries()) {
    for (const other of plugin.outside) {
      const at = position.get(other);
      if (at !== undefined && at < index) throw misplaced(plugin.name, 'before', 'outside', other);
    }
    for (const other of plugin.inside) {
      const at = position.get(other);
      if (at !== undefined && at > index) throw misplaced(plugin.name, 'after', 'inside', other);
    }
  }
}

function misplaced(name: string, where: string, relation: string, other: string): TypeError {
  return new TypeError(
    `plugin "${name}" must stand ${relation} "${other}": put it ${where} "${other}" in the plugins array (outermost first).`,
  );
}
