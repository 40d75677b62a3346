/** Prints rows under heads, in columns. */
export function printTable(heads: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => (row[i] ?? '').length)));
  const print = (cells: readonly string[]): void => {
    console.log(`  ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('   ')}`.trimEnd());
  };
  print(heads);
  print(widths.map((width) => '-'.repeat(width)));
  for (const row of rows) print(row);
}

/** A duration as one reads it: `12 ms`, `1.2 s`. */
export function duration(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
