import { parseAst } from 'vitest/node';

/** A syntax node as {@link walk} sees it: its type, where it stands, and whatever else it has. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly [property: string]: unknown;
}

/** Parses TypeScript. TypeScript 7 itself has no JS API; this is the parser that vitest brings along. */
export function parse(text: string): ReturnType<typeof parseAst> {
  return parseAst(text, { lang: 'ts', astType: 'ts' });
}

/** Calls `visit` for every node in `value`, outermost first. */
export function walk(value: unknown, visit: (node: Node) => void): void {
  if (typeof value !== 'object' || value === null) return;
  if ('type' in value && typeof value.type === 'string') visit(value as Node);
  for (const child of Object.values(value)) walk(child, visit);
}

/** The module that a node names, when it is any form of `import` or `export … from`. */
export function importedFrom({ type, source }: Node): string | undefined {
  const named = type.startsWith('Import') || type.startsWith('Export') || type === 'TSImportType';
  if (!named || typeof source !== 'object' || source === null || !('value' in source)) return undefined;
  return typeof source.value === 'string' ? source.value : undefined;
}

/** `file:line` of a place in a text, as editors and terminals understand it. */
export function at(file: string, text: string, offset: number): string {
  return `${file}:${text.slice(0, offset).split('\n').length}`;
}
