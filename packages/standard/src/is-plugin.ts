import type { Plugin } from '@sluice/core';

/** Whether a part was given as a plugin, and not as options. */
export function isPlugin(value: unknown): value is Plugin {
  return typeof value === 'object' && value !== null && 'validate' in value && 'create' in value;
}
