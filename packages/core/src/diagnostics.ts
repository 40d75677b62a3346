/**
 * Tells the operator of a failure that must not reach a caller: a throwing observer, a rejected completion listener.
 * Goes through `process.emitWarning`, which an application can collect (`process.on('warning')`) or turn off.
 */
export function reportSwallowed(what: string, error: unknown): void {
  const warning = new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  warning.name = 'SluiceWarning';
  if (error instanceof Error && error.stack !== undefined) warning.stack = error.stack;
  process.emitWarning(warning);
}
