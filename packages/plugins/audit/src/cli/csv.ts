import type { ReadRecord } from '../retention/segments.ts';

const COLUMNS: readonly (readonly [string, (record: ReadRecord) => unknown])[] = [
  ['seq', ({ seq }) => seq],
  ['time', (record) => record['time']],
  ['call', (record) => record['call']],
  ['tenant', (record) => record['tenant']],
  ['principal', (record) => record['principal']],
  ['model', (record) => record['model']],
  ['outcome', (record) => record['outcome']],
  ['status', (record) => record['status']],
  ['cause', (record) => (record['cause'] as { code?: unknown } | undefined)?.code],
  ['plugin', (record) => (record['cause'] as { plugin?: unknown } | undefined)?.plugin],
  ['attempts', (record) => attempts(record).length],
  [
    'endpoints',
    (record) =>
      attempts(record)
        .flatMap(({ endpoint }) => endpoint ?? [])
        .join(' '),
  ],
  [
    'regions',
    (record) =>
      attempts(record)
        .flatMap(({ region }) => region ?? [])
        .join(' '),
  ],
  ['cache', (record) => record['cache']],
  [
    'rules',
    (record) =>
      verdicts(record)
        .map(({ rule }) => rule)
        .join(' '),
  ],
  ['inputTokens', (record) => (record['usage'] as { inputTokens?: unknown } | undefined)?.inputTokens],
  ['outputTokens', (record) => (record['usage'] as { outputTokens?: unknown } | undefined)?.outputTokens],
  ['firstContentMs', (record) => record['firstContentMs']],
  ['durationMs', (record) => record['durationMs']],
  ['responseBytes', (record) => (record['response'] as { bytes?: unknown } | undefined)?.bytes],
  ['responseDigest', (record) => (record['response'] as { digest?: unknown } | undefined)?.digest],
];

/** The first row. */
export const CSV_HEAD: string = `${COLUMNS.map(([name]) => name).join()}\r\n`;

/** A row (RFC 4180). */
export function csvRow(record: ReadRecord): string {
  return `${COLUMNS.map(([, read]) => cell(read(record))).join()}\r\n`;
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  // A spreadsheet would take it for a formula, and callers choose some of these texts.
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function attempts(record: ReadRecord): readonly { readonly endpoint?: string; readonly region?: string }[] {
  return (record['attempts'] ?? []) as readonly { readonly endpoint?: string; readonly region?: string }[];
}

function verdicts(record: ReadRecord): readonly { readonly rule: string }[] {
  return (record['verdicts'] ?? []) as readonly { readonly rule: string }[];
}
