// Text that nobody objects to, without a corpus of our own: what is on this machine anyway. English from the documents of
// the installed packages; Chinese from the messages of the installed compiler (Apache-2.0) and from the names that the
// runtime knows of regions, languages, scripts, currencies and units (Unicode License v3). Nothing of it is copied.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const STORE = join(import.meta.dirname, '../../../../node_modules/.pnpm');

/** Lines of text with some words in them. */
function linesOf(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line.length > 20 && line.length < 2_000);
}

/** Documents of installed packages, each as its lines. The same text is taken once. */
export function englishDocuments(): string[][] {
  const seen = new Set<string>();
  const documents: string[][] = [];
  for (const path of globSync(
    '*/node_modules/{*,@*/*}/{README,readme,Readme,CHANGELOG,HISTORY,History,LICENSE}*.md',
    { cwd: STORE },
  ).sort()) {
    const lines = linesOf(readFileSync(join(STORE, path), 'utf8')).filter((line) => !seen.has(line));
    for (const line of lines) seen.add(line);
    // Of Latin letters, for the most part: some packages describe themselves in other languages, too.
    const text = lines.join('\n');
    if ((text.match(/[a-z ]/gi)?.length ?? 0) > text.length * 0.7) documents.push(lines);
  }
  return documents;
}

/** Names in a language, from the runtime's own data. */
function namesIn(locale: string): string[] {
  const names: string[] = [];
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'.split('');
  const regions = new Intl.DisplayNames(locale, { type: 'region', fallback: 'none' });
  const languages = new Intl.DisplayNames(locale, { type: 'language', fallback: 'none' });
  for (const a of letters) {
    for (const b of letters) {
      names.push(regions.of(a + b) ?? '', languages.of((a + b).toLowerCase()) ?? '');
      for (const c of letters) names.push(languages.of((a + b + c).toLowerCase()) ?? '');
    }
  }
  const currencies = new Intl.DisplayNames(locale, { type: 'currency' });
  for (const code of Intl.supportedValuesOf('currency')) names.push(currencies.of(code) ?? '');
  for (const unit of Intl.supportedValuesOf('unit')) {
    names.push(new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(12.5));
  }
  for (let day = 0; day < 400; day++) {
    names.push(
      new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'long' }).format(day * 90_061_000),
    );
  }
  return names.filter((name) => /\p{Script=Han}/u.test(name));
}

/** Chinese sentences and names, simplified and traditional. */
export function chineseLines(): string[] {
  const lines = [...namesIn('zh-Hans'), ...namesIn('zh-Hant')];
  for (const language of ['zh-cn', 'zh-tw']) {
    for (const path of globSync(
      `typescript@5*/node_modules/typescript/lib/${language}/diagnosticMessages.generated.json`,
      { cwd: STORE },
    )) {
      const file = join(STORE, path);
      if (existsSync(file))
        lines.push(...Object.values(JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>));
    }
  }
  return [...new Set(lines)];
}
