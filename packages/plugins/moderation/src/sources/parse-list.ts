import { SEVERITIES, type Severity, type WordEntry } from '../words/entry.ts';

/** One word on a line; `#` begins a comment, `!` an exception. */
export function parseText(text: string): WordEntry[] {
  return linesOf(text)
    .filter(({ line }) => !line.startsWith('#'))
    .map(({ line }) => (line.startsWith('!') ? { text: line.slice(1).trim(), allow: true } : { text: line }));
}

/** One entry on a line, as JSON. */
export function parseJsonl(text: string): WordEntry[] {
  return linesOf(text).map(({ line, number }) => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw new Error(`line ${number} is no JSON`);
    }
    if (typeof value === 'string') return { text: value };
    if (typeof value !== 'object' || value === null) throw new Error(`line ${number} is no entry`);
    return entryOf(value as Record<string, unknown>, number);
  });
}

/** A head line with names of fields, then one entry on a line. Quotes as in RFC 4180, without line breaks in them. */
export function parseCsv(text: string): WordEntry[] {
  const [head, ...rows] = linesOf(text);
  if (head === undefined) return [];
  const names = cells(head.line);
  if (!names.includes('text')) throw new Error('the first line names no column "text"');
  return rows.map(({ line, number }) => {
    const values = cells(line);
    const fields = names
      .map((name, i) => [name, values[i] ?? ''] as const)
      .filter(([, value]) => value !== '');
    return entryOf(Object.fromEntries(fields), number);
  });
}

function linesOf(text: string): { line: string; number: number }[] {
  return text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .map((line, i) => ({ line: line.trim(), number: i + 1 }))
    .filter(({ line }) => line !== '');
}

function cells(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain?.trim() ?? '',
  );
}

function entryOf(fields: Readonly<Record<string, unknown>>, number: number): WordEntry {
  const { text, category, severity, allow, whole, pinyin } = fields;
  if (typeof text !== 'string') throw new Error(`line ${number} has no text`);
  const grade = severity === undefined ? undefined : SEVERITIES.find((one) => one === severity);
  if (severity !== undefined && grade === undefined) {
    throw new Error(`line ${number}: severity must be ${SEVERITIES.join(', ')}`);
  }
  return {
    text,
    ...(typeof category === 'string' ? { category } : {}),
    ...(grade === undefined ? {} : { severity: grade satisfies Severity }),
    ...flag('allow', allow),
    ...flag('whole', whole),
    ...flag('pinyin', pinyin),
  };
}

function flag(name: string, value: unknown): Record<string, boolean> {
  if (value === undefined) return {};
  return { [name]: value === true || value === 'true' || value === '1' };
}
