/** One option, ready to be shown. */
export type FlatOption = readonly [name: string, value: string];

const MAX_CHARS = 80;
const MAX_OPTIONS = 60;

/**
 * A plugin's described options as names and short values. Lists of anything but plain values are only counted: a
 * moderator's words are nobody's business who looks at a page.
 */
export function flatOptions(options: unknown, prefix = ''): FlatOption[] {
  if (typeof options !== 'object' || options === null) return [];
  return Object.entries(options)
    .flatMap(([name, value]): FlatOption[] => {
      const path = prefix === '' ? name : `${prefix}.${name}`;
      if (value === undefined) return [];
      if (Array.isArray(value)) return [[path, listed(value)]];
      if (typeof value === 'object' && value !== null && prefix.split('.').length < 3) {
        const inner = flatOptions(value, path);
        return inner.length > 0 ? inner : [[path, '{}']];
      }
      return [[path, cut(String(value))]];
    })
    .slice(0, MAX_OPTIONS);
}

function listed(list: readonly unknown[]): string {
  const plain = list.every((item) => typeof item !== 'object' || item === null);
  return plain && list.length <= 12 ? cut(list.join(', ') || '[]') : `[${list.length}]`;
}

function cut(text: string): string {
  return text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS - 1)}…` : text;
}
