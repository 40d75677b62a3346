import { relative } from 'node:path/posix';
import { type Docstring, readDocstring } from './docstring.ts';
import type { Declared, Member } from './surface.ts';

/** What can be imported from one specifier. */
export interface EntryPoint {
  /** For instance `@sluice/core/testing`. */
  readonly specifier: string;
  readonly names: readonly (readonly [name: string, declared: readonly Declared[]])[];
}

/** A package with all that it exports. */
export interface ApiPackage {
  readonly name: string;
  readonly description: string;
  /** From the root, as every path here. */
  readonly directory: string;
  readonly entryPoints: readonly EntryPoint[];
}

/** Where pages of the reference are. */
export const API_FOLDER = 'docs/api';

/** The page of a package. The same package gives the same bytes. */
export function apiPage({ name, description, directory, entryPoints }: ApiPackage): string {
  const link = relative(API_FOLDER, directory);
  const parts = entryPoints.flatMap(({ specifier, names }) => [
    `## ${specifier}`,
    ...sortedByName(names).flatMap(([one, declared]) => entry(one, declared)),
  ]);
  const head = `${description}. What it does and how to use it is in [its README](${link}#readme).`;
  return `${[`# ${name}`, head, ...parts].join('\n\n')}\n`;
}

/** The page that lists the others. */
export function apiIndex(packages: readonly ApiPackage[]): string {
  const rows = packages.flatMap(({ name, entryPoints }) =>
    entryPoints.map(({ specifier, names }) => {
      const listed = sortedByName(names).map(([one]) => `\`${one}\``);
      return `| [\`${specifier}\`](${apiFile(name)}) | ${listed.join(', ')} |`;
    }),
  );
  const head =
    'All that the packages export, from the docstrings in their sources. `npx pnpm@12.21.0 run api` writes these pages, and the ' +
    'check refuses one that is not up to date.';
  return `# API reference\n\n${head}\n\n| import | names |\n| --- | --- |\n${rows.join('\n')}\n`;
}

/** The name of a package's page in the folder. */
export function apiFile(packageName: string): string {
  return `${packageName.replace(/^@\w+\//, '')}.md`;
}

/** Values before types, each by the alphabet: the order in a source may change without any change to its users. */
function sortedByName(names: EntryPoint['names']): EntryPoint['names'] {
  const key = ([name, [first]]: EntryPoint['names'][number]): string =>
    `${first?.kind === 'interface' || first?.kind === 'type' ? 1 : 0} ${name.toLowerCase()} ${name}`;
  return names.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

function entry(name: string, declared: readonly Declared[]): string[] {
  // Of overloads, what they are carried out by is nobody's business.
  const shown = declared.length > 1 ? declared.filter((one) => !isImplementation(one, declared)) : declared;
  const signatures = shown.map(({ signature }) => signature.replace(/^async /, ''));
  const file = shown[0]?.file ?? '';
  const docstrings = shown.flatMap(({ docstring }) => (docstring === undefined ? [] : [docstring]));
  const members = shown.flatMap((one) => one.members);
  return [
    `### ${name}`,
    `\`\`\`ts\n${signatures.join('\n')}\n\`\`\``,
    ...docstrings.flatMap(prose),
    ...(members.length > 0 ? [table(members)] : []),
    `<sub>[${file}](${relative(API_FOLDER, file)})</sub>`,
  ];
}

function isImplementation(one: Declared, all: readonly Declared[]): boolean {
  return one.kind === 'function' && one.docstring === undefined && one === all.at(-1);
}

function prose(docstring: string): string[] {
  const { text, tags } = readDocstring(docstring);
  return [text, tags.map((tag) => `- ${told(tag)}`).join('\n')].filter((part) => part !== '');
}

function table(members: readonly Member[]): string {
  const rows = members.map(({ signature, docstring }) => {
    const { text, tags } = readDocstring(docstring ?? '');
    const said = tags.map((tag) => told(tag).replace(/(?<!\.)$/, '.'));
    return `| ${cell(`\`${oneLine(signature)}\``)} | ${cell([text, ...said].join(' '))} |`;
  });
  return `| member | meaning |\n| --- | --- |\n${rows.join('\n')}`;
}

/** What a tag says, as a sentence. */
function told({ name, text }: Docstring['tags'][number]): string {
  switch (name) {
    case 'param':
    case 'typeParam':
      return text.replace(/^(\w+) -? ?/, '`$1`: ');
    case 'default':
      // Code where it is a number, a name or a literal, and prose where it is a sentence.
      return `Default: ${text.includes('`') || /^[a-z]\S* /i.test(text) ? text : `\`${text}\``}`;
    default:
      return `${name.replace(/^./, (letter) => letter.toUpperCase())}: ${text}`;
  }
}

function oneLine(signature: string): string {
  return signature
    .replace(/^async /, '')
    .replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/([([]) /g, '$1')
    .replaceAll(/,? ([)\]])/g, '$1');
}

function cell(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ').replaceAll('|', '\\|');
}
