import { describe, expect, it } from 'vitest';
import { regionOf, snippetProblems } from './snippets.ts';

const SOURCE = `import { a } from 'a';

function main() {
  // #region use
  if (a) {
    a();
  }
  // #endregion use
}
`;
const USE = 'if (a) {\n  a();\n}\n';

/** The problems of a page that has this marker and this code. */
function problems(marker: string, code: string, language = 'ts'): Promise<string[]> {
  const page = `# Title\n\n${marker}\n\n\`\`\`${language}\n${code}\`\`\`\n`;
  return snippetProblems('README.md', page, async (path) => {
    if (path !== 'examples/01-a.ts') throw new Error('not there');
    return SOURCE;
  });
}

describe('a snippet', () => {
  it('may be a whole file, or one region of it at the left edge', async () => {
    expect(await problems('<!-- snippet: examples/01-a.ts -->', SOURCE)).toEqual([]);
    expect(await problems('<!-- snippet: examples/01-a.ts#use -->', USE)).toEqual([]);
  });

  it('in a list is indented, with its marker', async () => {
    const page = `- A step:\n\n  <!-- snippet: examples/01-a.ts#use -->\n\n  \`\`\`ts\n${USE.replace(/^/gm, '  ')}\`\`\`\n`;
    const read = (): Promise<string> => Promise.resolve(SOURCE);
    expect(await snippetProblems('README.md', page, read)).toEqual([]);
    expect(await snippetProblems('README.md', page.replace(/<!.*>/, ''), read)).toHaveLength(1);
  });

  it('must not differ', async () => {
    const found = await problems('<!-- snippet: examples/01-a.ts#use -->', USE.replace('a();', 'b();'));
    expect(found).toEqual([expect.stringContaining('README.md:3 differs from examples/01-a.ts#use')]);
  });

  it('must name a file and region that exist and run in CI', async () => {
    const told = async (marker: string): Promise<string> => (await problems(marker, USE)).join();
    expect(await told('<!-- snippet: examples/02-b.ts -->')).toContain('02-b.ts does not exist');
    expect(await told('<!-- snippet: examples/01-a.ts#other -->')).toContain('has no "// #region other"');
    expect(await told('<!-- snippet: packages/core/src/a.ts -->')).toContain('does not run in CI');
  });

  it.each(['ts', 'js'])('of %s must have a marker', async (language) => {
    expect(await problems('Some text.', USE, language)).toEqual([expect.stringContaining('snippet without')]);
  });

  it.each(['sh', 'json', 'text'])('of %s needs none', async (language) => {
    expect(await problems('Some text.', USE, language)).toEqual([]);
  });
});

describe('a region', () => {
  it('may hold other regions, whose marks are left out', () => {
    const source = '// #region a\n1;\n// #region b\n2;\n// #endregion\n3;\n// #endregion\n4;\n';
    expect(regionOf(source, 'a')).toBe('1;\n2;\n3;');
    expect(regionOf(source, 'b')).toBe('2;');
  });

  it('that is never closed is none', () => {
    expect(regionOf('// #region a\n1;\n', 'a')).toBeUndefined();
  });
});
