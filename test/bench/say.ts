/** Tells people what is going on; stdout is for the results. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
