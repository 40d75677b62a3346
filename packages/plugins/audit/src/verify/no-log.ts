import { listLogs } from '../files/names.ts';

/** What to say where there is no log of this name. */
export async function noLog(directory: string, log: string): Promise<Error> {
  const others = await listLogs(directory).catch(() => []);
  const hint = others.length === 0 ? '' : `; there is ${others.map((name) => `"${name}"`).join(', ')}`;
  return new Error(`there is no log "${log}" in ${directory}${hint}`);
}
