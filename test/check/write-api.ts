// Writes the API reference anew: npx pnpm@12.21.0 run api
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { apiPages } from './api.ts';
import { API_FOLDER } from './api-page.ts';
import { ROOT } from './workspace.ts';

const pages = await apiPages();
await rm(ROOT + API_FOLDER, { recursive: true, force: true });
for (const [path, text] of pages) {
  await mkdir(dirname(ROOT + path), { recursive: true });
  await writeFile(ROOT + path, text);
}
console.log(`${pages.size} pages in ${API_FOLDER}`);
