import { inspect } from 'node:util';

/**
 * Tells the operator of a failure that must not reach a caller: a throwing observer, a rejected completion listener.
 * Goes through `process.emitWarning`, which an application can collect (`process.on('warning')`) or turn off.
 */
export function reportSwallowed(what: string, error: unknown): void {
  // Anything can be thrown, also what cannot be made a string.
  const warning = new Error(
    `${what}: ${error instanceof Error ? error.message : inspect(error, { depth: 0 })}`,
  );
  warning.name = 'SluiceWarning';
  if (error instanceof Error && error.stack !== undefined) warning.stack = error.stack;
  process.emitWarning(warning);
}

/** Runs somebody's callback so that its failure stays its own. */
export function guarded(what: string, callback: () => void): void {
  try {
    callback();
  } catch (error) {
    reportSwallowed(what, error);
  }
}
