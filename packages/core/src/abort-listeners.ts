type Listener = () => void;

/** Where a signal keeps who listens to it here. */
const LISTENERS = Symbol('sluice.abort-listeners');

interface Heard extends AbortSignal {
  [LISTENERS]?: Listener[] | undefined;
}

/**
 * Calls `listener` when the signal aborts. Everything of a call that listens shares one listener of the signal's own:
 * to add one and take it off again costs more than a microsecond, and every attempt and every wait does it.
 */
export function listenToAbort(signal: AbortSignal, listener: Listener): void {
  const heard = signal as Heard;
  const listeners = heard[LISTENERS];
  if (listeners === undefined) {
    heard[LISTENERS] = [listener];
    signal.addEventListener('abort', tellAll);
  } else {
    listeners.push(listener);
  }
}

/** Takes a listener off again, and with the last one all that was put on the signal. Harmless when it listens no longer. */
export function stopListening(signal: AbortSignal, listener: Listener): void {
  const heard = signal as Heard;
  const listeners = heard[LISTENERS];
  const at = listeners?.lastIndexOf(listener) ?? -1;
  if (listeners === undefined || at < 0) return;
  listeners.splice(at, 1);
  if (listeners.length > 0) return;
  heard[LISTENERS] = undefined;
  signal.removeEventListener('abort', tellAll);
}

/** One function for all signals: a closure each would be garbage that hangs on the signal. */
function tellAll(this: Heard): void {
  // A copy: who is told takes itself off the list.
  for (const listener of this[LISTENERS]?.slice() ?? []) listener();
}
