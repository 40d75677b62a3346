import { join } from 'node:path/posix';
import type { Check } from './run.ts';
import { type Reader, surface } from './surface.ts';
import { publishedPackages, read } from './workspace.ts';

/** What is missing in the docstrings of all that `file` exports, itself or by re-export. */
export async function docstringProblems(file: string, readText: Reader = read): Promise<string[]> {
  const exported = await surface(file, readText);
  return [...exported].flatMap(([name, declared]) => {
    const [first] = declared ?? [];
    if (declared === undefined || first === undefined)
      return `${file} exports ${name}, which is nowhere to be found`;
    // Declarations that share a name are one: overloads, or a type and its value.
    const documented = declared.some(({ docstring }) => docstring !== undefined);
    const own = documented ? [] : [`${first.place} ${name} is public and has no docstring`];
    const bare = declared.flatMap(({ members }) =>
      members
        .filter((member) => member.name !== undefined && member.docstring === undefined)
        .map((member) => `${member.place} ${name}.${member.name} is public and has no docstring`),
    );
    return [...own, ...bare];
  });
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
