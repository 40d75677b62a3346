import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The page, and the policy under which browsers show it. */
export interface Page {
  /** The whole document: no other file belongs to it. */
  readonly html: string;
  /** Its `content-security-policy`: its own style and script by their hashes, its own feed, and nothing else. */
  readonly policy: string;
}

/** The modules of its script, in an order in which each comes after those that it imports. */
const MODULES = ['words', 'dom', 'numbers', 'river', 'dots', 'charts', 'tables', 'page'];

/** Reads the page's parts and puts them together. */
export function readPage(): Page {
  const style = read('page.css')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/ ?([{};,]) ?/g, '$1')
    .replaceAll(': ', ':');
  // One script, without a bundler: what modules import stands before them.
  const script = MODULES.map((name) => read(`${name}.js`))
    .join('\n')
    .replaceAll(/^import [^;]*;\n/gm, '')
    .replaceAll(/^export /gm, '')
    // A third of its size: what is said to the reader of the source, and indentation.
    .replaceAll(/\/\*\*[^]*?\*\/|^\s*\/\/.*$/gm, '')
    .replaceAll(/^\s+/gm, '');
  // The elements as wholes: a line break more, and the hash would be another's.
  const html = read('page.html')
    .replace(/<style>[^]*?<\/style>/, () => `<style>${style}</style>`)
    .replace(/<script type="module">[^]*?<\/script>/, () => `<script type="module">${script}</script>`)
    .replaceAll(/\n\s+/g, '\n');
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    // Text can only become text: the browser itself refuses markup made of strings.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
  return { html, policy };
}

/** The folder lies beside `src` and beside `dist`. */
function read(name: string): string {
  return readFileSync(new URL(`../page/${name}`, import.meta.url), 'utf8');
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
