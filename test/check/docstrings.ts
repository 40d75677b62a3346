import { dirname, join } from 'node:path/posix';
import type { Check } from './run.ts';
import { at, parse } from './syntax.ts';
import { publishedPackages, read } from './workspace.ts';

type Statement = ReturnType<typeof parse>['body'][number];
type Reader = (path: string) => Promise<string>;

/** What one name of a module's surface says about itself. Declarations that share a name are one entry. */
interface Entry {
  readonly place: string;
  readonly documented: boolean;
  /** The members of an interface that have no docstring, each as a finished sentence. */
  readonly bareMembers: readonly string[];
}

/** What is missing in the docstrings of all that `file` exports, itself or by re-export. */
export async function docstringProblems(file: string, readText: Reader = read): Promise<string[]> {
  const exported = await surface(file, readText);
  return [...exported].flatMap(([name, entry]) => {
    if (entry === undefined) return `${file} exports ${name}, which is nowhere to be found`;
    const own = entry.documented ? [] : [`${entry.place} ${name} is public and has no docstring`];
    return [...own, ...entry.bareMembers];
  });
}

type Surface = Map<string, Entry | undefined>;

/**
 * Every name that a module exports. Names from other packages are theirs to document, and are left out. `trail` holds
 * the files on the way here: a module that re-exports from one of them has a name of its own nowhere.
 */
async function surface(file: string, readText: Reader, trail: readonly string[] = []): Promise<Surface> {
  if (trail.includes(file)) return new Map();
  const text = await readText(file);
  const { body } = parse(text);
  const declared: Surface = new Map();
  const imported = new Map<string, { readonly from: string; readonly name: string }>();
  const exported: Surface = new Map();
  const load = (specifier: string): Promise<Surface> =>
    surface(join(dirname(file), specifier), readText, [...trail, file]);

  for (const statement of body) {
    for (const [name, entry] of declaredBy(statement, file, text)) {
      declared.set(name, merge(declared.get(name), entry));
    }
    if (statement.type !== 'ImportDeclaration') continue;
    for (const specifier of statement.specifiers) {
      const name = specifier.type === 'ImportSpecifier' ? nameOf(specifier.imported) : '';
      imported.set(specifier.local.name, { from: statement.source.value, name });
    }
  }
  for (const statement of body) {
    if (statement.type === 'ExportAllDeclaration' && isOwn(statement.source.value)) {
      for (const [name, entry] of await load(statement.source.value)) exported.set(name, entry);
    }
    if (statement.type !== 'ExportNamedDeclaration') continue;
    for (const [name] of declaredBy(statement, file, text)) exported.set(name, declared.get(name));
    for (const specifier of statement.specifiers) {
      const name = nameOf(specifier.local);
      const source = statement.source ? { from: statement.source.value, name } : imported.get(name);
      if (source && !isOwn(source.from)) continue;
      const names = source ? await load(source.from) : declared;
      exported.set(nameOf(specifier.exported), names.get(source?.name ?? name));
    }
  }
  return exported;
}

function isOwn(specifier: string): boolean {
  return specifier.startsWith('.');
}

/** The names that a statement declares, exported or not. */
function declaredBy(statement: Statement, file: string, text: string): [string, Entry][] {
  const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
  const entry = (bareMembers: readonly string[] = []): Entry => ({
    place: at(file, text, statement.start),
    documented: hasDocstring(text, statement.start),
    bareMembers,
  });
  switch (declaration?.type) {
    case 'VariableDeclaration':
      return declaration.declarations.flatMap(({ id }) =>
        id.type === 'Identifier' ? [[id.name, entry()]] : [],
      );
    case 'TSInterfaceDeclaration':
      return [
        [declaration.id.name, entry(bareMembers(declaration.id.name, declaration.body.body, file, text))],
      ];
    case 'TSTypeAliasDeclaration': {
      const members =
        declaration.typeAnnotation.type === 'TSTypeLiteral' ? declaration.typeAnnotation.members : [];
      return [[declaration.id.name, entry(bareMembers(declaration.id.name, members, file, text))]];
    }
    case 'FunctionDeclaration':
    case 'TSDeclareFunction':
    case 'ClassDeclaration':
      return declaration.id ? [[declaration.id.name, entry()]] : [];
    default:
      return [];
  }
}

type Members = Extract<Statement, { type: 'TSInterfaceDeclaration' }>['body']['body'];

/** Call and index signatures, and brands under a symbol, have no name of their own: the whole speaks for them. */
function bareMembers(owner: string, members: Members, file: string, text: string): string[] {
  return members.flatMap((member) => {
    if (member.type !== 'TSPropertySignature' && member.type !== 'TSMethodSignature') return [];
    if (member.computed || hasDocstring(text, member.start)) return [];
    const name = text.slice(member.key.start, member.key.end);
    return [`${at(file, text, member.start)} ${owner}.${name} is public and has no docstring`];
  });
}

/** Whether a docstring ends directly above, where only a line comment (for the linter) may stand between. */
function hasDocstring(text: string, start: number): boolean {
  const before = text.slice(0, start).replace(/(\n[ \t]*\/\/[^\n]*)*\n?[ \t]*$/, '');
  return before.endsWith('*/') && before.startsWith('/**', before.lastIndexOf('/*'));
}

function merge(first: Entry | undefined, second: Entry): Entry {
  if (!first) return second;
  const bare = [...first.bareMembers, ...second.bareMembers];
  return { place: first.place, documented: first.documented || second.documented, bareMembers: bare };
}

function nameOf(name: { type: string; name?: string; value?: string }): string {
  return name.name ?? name.value ?? '';
}

/** The docstrings of everything public, one check for each package. */
export async function docstrings(): Promise<Check[]> {
  return Promise.all(
    (await publishedPackages()).map(async ({ directory, manifest }) => {
      const entries = Object.values(manifest.exports).map((path) => join(directory, path));
      const problems = await Promise.all(entries.map((entry) => docstringProblems(entry).catch(sayWhy)));
      return { name: `docstrings of ${manifest.name}`, problems: problems.flat() };
    }),
  );
}

/** A file that is missing or does not parse is a problem like any other. */
function sayWhy(error: unknown): string[] {
  return [error instanceof Error ? error.message : String(error)];
}
