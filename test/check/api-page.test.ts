import { expect, it } from 'vitest';
import { apiProblems } from './api.ts';
import { apiIndex, type ApiPackage, apiPage } from './api-page.ts';
import { surface } from './surface.ts';

const SOURCE = `
/**
 * Makes a <T> of it, see {@link Options}.
 *
 * @param text What is
 *   meant.
 * @throws TypeError Never.
 */
export async function make(text: string): Promise<Options> {
  return { a: 'x' };
}
/** Options of {@link make}. */
export interface Options {
  /**
   * Which of them.
   *
   * @default 'x'
   */
  readonly a?: 'x' | 'y';
  /** More, in milliseconds. */
  b?: {
    /** Not shown by itself. */
    readonly c: number;
  };
}
/** The usual. */
export const USUAL: Options = { a: 'y' };
/** One. */
export function each(one: string): void;
/** Or two. */
export function each(one: string, two: string): void;
export function each(...all: string[]): void {}
/** Counts. */
export class Counter {
  #n = 0;
  /** How many. */
  get count(): number {
    return this.#n;
  }
}
`;

async function described(source: string): Promise<ApiPackage> {
  const names = await surface('packages/a/src/index.ts', () => Promise.resolve(source));
  return {
    name: '@sluice/a',
    description: 'An example',
    directory: 'packages/a',
    entryPoints: [
      { specifier: '@sluice/a', names: [...names].map(([name, declared]) => [name, declared ?? []]) },
    ],
  };
}

it('shows what is exported without how it is done, values first', async () => {
  expect(apiPage(await described(SOURCE))).toMatchInlineSnapshot(`
    "# @sluice/a

    An example. What it does and how to use it is in [its README](../../packages/a#readme).

    ## @sluice/a

    ### Counter

    \`\`\`ts
    class Counter
    \`\`\`

    Counts.

    | member | meaning |
    | --- | --- |
    | \`get count(): number\` | How many. |

    <sub>[packages/a/src/index.ts](../../packages/a/src/index.ts)</sub>

    ### each

    \`\`\`ts
    function each(one: string): void
    function each(one: string, two: string): void
    \`\`\`

    One.

    Or two.

    <sub>[packages/a/src/index.ts](../../packages/a/src/index.ts)</sub>

    ### make

    \`\`\`ts
    function make(text: string): Promise<Options>
    \`\`\`

    Makes a &lt;T> of it, see \`Options\`.

    - \`text\`: What is meant.
    - Throws: TypeError Never.

    <sub>[packages/a/src/index.ts](../../packages/a/src/index.ts)</sub>

    ### USUAL

    \`\`\`ts
    const USUAL: Options
    \`\`\`

    The usual.

    <sub>[packages/a/src/index.ts](../../packages/a/src/index.ts)</sub>

    ### Options

    \`\`\`ts
    interface Options
    \`\`\`

    Options of \`make\`.

    | member | meaning |
    | --- | --- |
    | \`readonly a?: 'x' \\| 'y'\` | Which of them. Default: \`'x'\`. |
    | \`b?: { readonly c: number; }\` | More, in milliseconds. |

    <sub>[packages/a/src/index.ts](../../packages/a/src/index.ts)</sub>
    "
  `);
});

it('does not change with the order in a source', async () => {
  const [first = '', ...rest] = SOURCE.trim().split(/(?<=^\})\n/m);
  expect(apiPage(await described([...rest, first].join('\n')))).toBe(apiPage(await described(SOURCE)));
});

it('lists all names of all packages', async () => {
  expect(apiIndex([await described(SOURCE)])).toContain(
    '| [`@sluice/a`](a.md) | `Counter`, `each`, `make`, `USUAL`, `Options` |',
  );
});

it('is refused when a page is old, missing or of no package', () => {
  const wanted = new Map([
    ['docs/api/a.md', 'new'],
    ['docs/api/b.md', 'text'],
    ['docs/api/c.md', 'same'],
  ]);
  const found = new Map([
    ['docs/api/a.md', 'old'],
    ['docs/api/c.md', 'same'],
    ['docs/api/gone.md', 'text'],
  ]);
  expect(apiProblems(wanted, found)).toEqual([
    'docs/api/a.md is not up to date; run: npx pnpm@12.21.0 run api',
    'docs/api/b.md is not up to date; run: npx pnpm@12.21.0 run api',
    'docs/api/gone.md is of no package; run: npx pnpm@12.21.0 run api',
  ]);
});
