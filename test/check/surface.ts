import { dirname, join } from 'node:path/posix';
import { at, parse } from './syntax.ts';

type Statement = ReturnType<typeof parse>['body'][number];
type Members = Extract<Statement, { type: 'TSInterfaceDeclaration' }>['body']['body'];
type ClassMembers = Extract<Statement, { body: { type: 'ClassBody' } }>['body']['body'];

/** Reads a file by its path. */
export type Reader = (path: string) => Promise<string>;

/** A part of an interface, of an object type or of a class that its users see. */
export interface Member {
  readonly place: string;
  /** Undefined: a call or index signature or a brand, which has no name of its own. The whole speaks for it. */
  readonly name: string | undefined;
  readonly signature: string;
  readonly docstring: string | undefined;
}

/** A declaration, as its users see it. */
export interface Declared {
  readonly file: string;
  readonly place: string;
  readonly kind: 'class' | 'const' | 'function' | 'interface' | 'type';
  /** Without body and members. */
  readonly signature: string;
  /** As it stands in the source, marks included. */
  readonly docstring: string | undefined;
  readonly members: readonly Member[];
}

/** Every name that a module exports, with its declarations; undefined: it is nowhere to be found. */
export type Surface = Map<string, readonly Declared[] | undefined>;

/**
 * What a module exports, itself or by re-export. Names from other packages are theirs to document, and are left out.
 * `trail` holds the files on the way here: a module that re-exports from one of them has a name of its own nowhere.
 */
export async function surface(
  file: string,
  readText: Reader,
  trail: readonly string[] = [],
): Promise<Surface> {
  if (trail.includes(file)) return new Map();
  const text = await readText(file);
  const { body } = parse(text);
  const declared = new Map<string, readonly Declared[]>();
  const imported = new Map<string, { readonly from: string; readonly name: string }>();
  const exported: Surface = new Map();
  const load = (specifier: string): Promise<Surface> =>
    surface(join(dirname(file), specifier), readText, [...trail, file]);

  for (const statement of body) {
    for (const [name, one] of declaredBy(statement, file, text)) {
      declared.set(name, [...(declared.get(name) ?? []), one]);
    }
    if (statement.type !== 'ImportDeclaration') continue;
    for (const specifier of statement.specifiers) {
      const name = specifier.type === 'ImportSpecifier' ? nameOf(specifier.imported) : '';
      imported.set(specifier.local.name, { from: statement.source.value, name });
    }
  }
  for (const statement of body) {
    if (statement.type === 'ExportAllDeclaration' && isOwn(statement.source.value)) {
      for (const [name, found] of await load(statement.source.value)) exported.set(name, found);
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

function nameOf(name: { type: string; name?: string; value?: string }): string {
  return name.name ?? name.value ?? '';
}

/** The names that a statement declares, exported or not. */
function declaredBy(statement: Statement, file: string, text: string): [string, Declared][] {
  const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
  const one = (
    name: string,
    kind: Declared['kind'],
    signature: string,
    members: readonly Member[] = [],
  ): [string, Declared] => [
    name,
    {
      file,
      place: at(file, text, statement.start),
      kind,
      signature: signature.trim().replace(/;$/, ''),
      docstring: docstringAbove(text, statement.start),
      members,
    },
  ];
  const before = (start: number, body: { readonly start: number } | null | undefined, end: number): string =>
    text.slice(start, body?.start ?? end);
  switch (declaration?.type) {
    case 'VariableDeclaration':
      return declaration.declarations.flatMap(({ id, init, end }) => {
        if (id.type !== 'Identifier') return [];
        // With isolated declarations, what has no type says by its value what it is.
        const shown = text.slice(id.start, id.typeAnnotation || !init ? id.end : end);
        return [one(id.name, 'const', `${declaration.kind} ${shown}`)];
      });
    case 'TSInterfaceDeclaration': {
      const { id, body, start, end } = declaration;
      return [one(id.name, 'interface', before(start, body, end), membersOf(body.body, file, text))];
    }
    case 'TSTypeAliasDeclaration': {
      const { id, typeAnnotation, start, end } = declaration;
      if (typeAnnotation.type !== 'TSTypeLiteral') return [one(id.name, 'type', text.slice(start, end))];
      const head = before(start, typeAnnotation, end).replace(/=\s*$/, '');
      return [one(id.name, 'type', head, membersOf(typeAnnotation.members, file, text))];
    }
    case 'FunctionDeclaration':
    case 'TSDeclareFunction': {
      const { id, body, start, end } = declaration;
      return id ? [one(id.name, 'function', before(start, body, end))] : [];
    }
    case 'ClassDeclaration': {
      const { id, body, start, end } = declaration;
      if (!id) return [];
      return [one(id.name, 'class', before(start, body, end), classMembersOf(body.body, file, text))];
    }
    default:
      return [];
  }
}

function membersOf(members: Members, file: string, text: string): Member[] {
  return members.map((member) => {
    const named = member.type === 'TSPropertySignature' || member.type === 'TSMethodSignature';
    return {
      place: at(file, text, member.start),
      name: named && !member.computed ? text.slice(member.key.start, member.key.end) : undefined,
      signature: text.slice(member.start, member.end).replace(/[;,]$/, ''),
      docstring: docstringAbove(text, member.start),
    };
  });
}

/** What a class shows: neither what is private, nor how anything is done. */
function classMembersOf(members: ClassMembers, file: string, text: string): Member[] {
  return members.flatMap((member) => {
    if (member.type !== 'MethodDefinition' && member.type !== 'PropertyDefinition') return [];
    if (member.key.type === 'PrivateIdentifier' || member.accessibility === 'private') return [];
    const { value, start, end, key, computed } = member;
    const named = !computed && !(member.type === 'MethodDefinition' && member.kind === 'constructor');
    const body = member.type === 'MethodDefinition' ? member.value.body?.start : undefined;
    const until = body ?? (member.type === 'PropertyDefinition' ? value?.start : undefined) ?? end;
    return {
      place: at(file, text, start),
      // Of a constructor the class speaks, and so it does of what has no name but a symbol.
      name: named ? text.slice(key.start, key.end) : undefined,
      signature: text.slice(start, until).replace(/[\s=;]+$/, ''),
      docstring: docstringAbove(text, start),
    };
  });
}

/** The docstring that ends directly above, where only a line comment (for the linter) may stand between. */
function docstringAbove(text: string, start: number): string | undefined {
  const before = text.slice(0, start).replace(/(\n[ \t]*\/\/[^\n]*)*\n?[ \t]*$/, '');
  const opening = before.lastIndexOf('/*');
  return before.endsWith('*/') && before.startsWith('/**', opening) ? before.slice(opening) : undefined;
}
