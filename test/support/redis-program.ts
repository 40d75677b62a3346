import { systemProgram } from './system-program.ts';

/** The path of a Redis server, or undefined when there is none and none can be installed. */
export function redisProgram(): Promise<string | undefined> {
  return systemProgram({ names: ['redis-server', 'valkey-server'], packages: ['redis-server'] });
}
