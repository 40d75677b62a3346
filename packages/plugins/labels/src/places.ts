/** The part of a text's key that is the same in all events and in the whole answer: without the name of the event. */
export function placeOf(key: string): string {
  const start = /(?:^|\.)((?:choices|output|content)\.\d)/.exec(key);
  return start === null ? key : key.slice(key.indexOf(start[1] as string, start.index));
}

/** Texts that are read as one: the blocks of a message, but each choice by itself. */
export function groupOf(place: string): string {
  return /^choices\.\d+/.exec(place)?.[0] ?? '';
}
