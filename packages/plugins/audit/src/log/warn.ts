import type { AuditAlert } from './settings.ts';

/** Tells the operator through `process.emitWarning`, which an application can collect (`process.on('warning')`). */
export function warn({ type, facts, error }: AuditAlert): void {
  const told = Object.entries(facts).map(([name, value]) => `${name} ${value}`);
  const reason = error instanceof Error ? `: ${error.message}` : '';
  const warning = new Error(`audit log: ${type}, ${told.join(', ')}${reason}`);
  warning.name = 'SluiceWarning';
  process.emitWarning(warning);
}
