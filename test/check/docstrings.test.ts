import { expect, it } from 'vitest';
import { docstringProblems } from './docstrings.ts';

/** The problems of `src/index.ts` among these files. */
function problems(files: Record<string, string>): Promise<string[]> {
  return docstringProblems('src/index.ts', async (path) => {
    const text = files[path];
    if (text === undefined) throw new Error(`no ${path}`);
    return text;
  });
}

it('follows re-exports, renamed and starred, to the declaration', async () => {
  const found = await problems({
    'src/index.ts': "export { a as b, type T } from './a.ts';\nexport * from './deep/c.ts';\n",
    'src/a.ts': 'const a = 1;\n/** Told. */\nexport type T = 1;\nexport { a };\nexport const hidden = 2;\n',
    'src/deep/c.ts':
      "import { d } from '../d.ts';\nexport { d };\n/** Told. */\nexport function c(): void {}\n",
    'src/d.ts': '\n\nexport class d {}\n',
  });
  expect(found).toEqual([
    'src/a.ts:1 b is public and has no docstring',
    'src/d.ts:3 d is public and has no docstring',
  ]);
});

it('leaves what other packages export to them', async () => {
  expect(
    await problems({ 'src/index.ts': "export * from 'undici';\nexport { x } from 'valibot';\n" }),
  ).toEqual([]);
});

it('is not led in circles', async () => {
  const found = await problems({
    'src/index.ts': "export { a } from './a.ts';\nexport { b } from './b.ts';\n",
    'src/a.ts':
      "import type { B } from './b.ts';\n/** Told. */\nexport const a: B = 1;\nexport { c } from './b.ts';\n",
    'src/b.ts':
      "import { a } from './a.ts';\nexport type B = 1;\nexport const b = a;\nexport { c } from './a.ts';\n",
  });
  expect(found).toEqual(['src/b.ts:3 b is public and has no docstring']);
});

it('names what cannot be found', async () => {
  const files = { 'src/index.ts': "export { x } from './a.ts';\n", 'src/a.ts': '' };
  expect(await problems(files)).toEqual(['src/index.ts exports x, which is nowhere to be found']);
});

it('wants a docstring on each member of an interface or an object type', async () => {
  const found = await problems({
    'src/index.ts': `/** Told. */
export interface A<T = { b: 1 }> {
  /** Told. */
  readonly a?: () => { inner: T };
  b(): void; // not a docstring
  c: string;
  (call: string): void;
  [index: string]: unknown;
}
/** Told. */
export type B = {
  readonly 'quoted-d': string;
};
`,
  });
  expect(found).toEqual([
    'src/index.ts:5 A.b is public and has no docstring',
    'src/index.ts:6 A.c is public and has no docstring',
    "src/index.ts:12 B.'quoted-d' is public and has no docstring",
  ]);
});

it('wants one on what a class shows, but for its constructor', async () => {
  const text = `/** Told. */
export class A extends Error {
  readonly a: string;
  #b = 1;
  private c = 2;
  /** Told. */
  get d(): number {
    return this.#b + this.c;
  }
  static e(): void {}
  constructor(a: string) {
    super();
    this.a = a;
  }
  [Symbol.iterator](): void {}
}
`;
  expect(await problems({ 'src/index.ts': text })).toEqual([
    'src/index.ts:3 A.a is public and has no docstring',
    'src/index.ts:10 A.e is public and has no docstring',
  ]);
});

it('wants it directly above, where the linter may stand between', async () => {
  const found = await problems({
    'src/index.ts': `/** Of the file. */

export const a = 1;
/* plain */
export const b = 1;
/** Told. */
// oxlint-disable-next-line some-rule -- reason
export const c = 1;
`,
  });
  expect(found.map((problem) => problem.split(' ', 2).join(' '))).toEqual([
    'src/index.ts:3 a',
    'src/index.ts:5 b',
  ]);
});

it('takes one docstring for all overloads', async () => {
  const text =
    '/** Told. */\nexport function f(a: 1): void;\nexport function f(a: 2): void;\nexport function f(): void {}\n';
  expect(await problems({ 'src/index.ts': text })).toEqual([]);
});
