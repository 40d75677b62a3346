/** A docstring, taken apart. Its lines are kept; marks, indentation and links are not. */
export interface Docstring {
  readonly text: string;
  /** `@param`, `@default` and the like, in their order, each with what it says on one line. */
  readonly tags: readonly { readonly name: string; readonly text: string }[];
}

/** Takes a docstring apart that has its marks. */
export function readDocstring(raw: string): Docstring {
  const lines = raw
    .replace(/^\/\*\*/, '')
    .replace(/\*\/$/, '')
    .split('\n')
    .map((line) => line.replace(/^[ \t]*\* ?/, '').trimEnd());
  const [text = '', ...tags] = lines
    .join('\n')
    .replaceAll(/\{@link\s+([^}\s]+)\s*\}/g, '`$1`')
    .split(/^\s*@(?=\w)/m);
  return {
    text: escapeTags(text.trim()),
    tags: tags.map((tag) => {
      const [name = ''] = /^\w+/.exec(tag) ?? [];
      return { name, text: escapeTags(tag.slice(name.length).trim().replaceAll(/\s+/g, ' ')) };
    }),
  };
}

/** Outside of code, `<T>` would be taken for HTML, and shown as nothing. */
function escapeTags(text: string): string {
  return text
    .split('`')
    .map((part, i) => (i % 2 === 0 ? part.replaceAll('<', '&lt;') : part))
    .join('`');
}
