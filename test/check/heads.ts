import type { Check } from './run.ts';
import { find, read } from './workspace.ts';

/** What every plugin's README says, in this order. It may say more. */
const HEADS = [
  'What it does',
  'Use',
  'Options',
  'Order',
  'Errors',
  'Events',
  'Stores',
  'Streaming',
  'Do not',
] as const;

/** What is wrong with the heads of a plugin's README. */
export function headProblems(page: string, text: string): string[] {
  const found = [...text.matchAll(/^## (.+)$/gm)].map(([, head = '']) => head);
  const known = found.filter((head) => HEADS.some((one) => one === head));
  return known.join() === HEADS.join()
    ? []
    : [`${page} has the heads ${found.join(', ')}; it needs ${HEADS.join(', ')}`];
}

/** The heads of every plugin's README: who knows one of them finds their way in all. */
export function heads(): Promise<Check[]> {
  return Promise.all(
    find('packages/plugins/*/README.md').map(async (page) => ({
      name: `heads of ${page}`,
      problems: headProblems(page, await read(page)),
    })),
  );
}
