import type { Package } from '../check/workspace.ts';

/**
 * A program that imports all of a package. It compiles only if everything exported has a type, and runs only if
 * every entry loads, for CommonJS apps too.
 */
export function consumer({ manifest }: Package): string {
  const names = Object.keys(manifest.exports).map((key) => manifest.name + key.slice(1));
  return `import { createRequire } from 'node:module';
${names.map((name, index) => `import * as entry${index} from '${name}';`).join('\n')}

type IsAny<T> = 0 extends 1 & T ? true : false;
type Untyped<M> = { [K in keyof M]: IsAny<M[K]> extends true ? K : never }[keyof M];
export type AllTyped<M> = [Untyped<M>] extends [never] ? true : Untyped<M>;
${names.map((_, index) => `export const typed${index}: AllTyped<typeof entry${index}> = true;`).join('\n')}

const require = createRequire(import.meta.url);
const entries = { ${names.map((name, index) => `'${name}': entry${index}`).join(', ')} };
for (const [name, entry] of Object.entries(entries)) {
  const exported = Object.entries(entry);
  if (exported.length === 0) throw new Error(\`\${name} exports nothing\`);
  for (const [key, value] of exported) {
    if (value === undefined) throw new Error(\`\${name} exports \${key} as undefined\`);
  }
  require(name);
}
`;
}

/** A strict consumer. Declaration files are checked too: one that names something not installed fails. */
export function consumerTsconfig(typeRoot: string): string {
  return JSON.stringify({
    compilerOptions: {
      strict: true,
      target: 'es2024',
      module: 'nodenext',
      noEmit: true,
      skipLibCheck: false,
      types: ['node'],
      typeRoots: [typeRoot],
    },
    include: ['*.ts'],
  });
}
