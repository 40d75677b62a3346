import type { Check } from './run.ts';
import { find, read } from './workspace.ts';

const LIST = 'examples/README.md';

/** The list of examples names each of them, once and in order. */
export async function exampleList(): Promise<Check[]> {
  const files = find('examples/[0-9][0-9]-*.ts').map((path) => path.replace('examples/', ''));
  const listed = [...(await read(LIST)).matchAll(/^- \[[^\]]*\]\((\d\d-[^)]+)\)/gm)].map(([, file]) => file);
  const same = listed.join() === files.join();
  return [
    { name: LIST, problems: same ? [] : [`lists ${listed.join(', ')}\n\nand there are ${files.join(', ')}`] },
  ];
}
