import { LOWER, RENEW, RESERVE, SETTLE } from './redis-scripts.ts';

/** What is used of an `ioredis` client or Cluster. */
export interface RedisLimitClient {
  /** Adds a script as a command. ioredis sends its hash, and its text only where the server does not know it. */
  defineCommand(name: string, definition: { readonly lua: string; readonly numberOfKeys: number }): void;
}

/** A script's name. */
export type Script = 'Reserve' | 'Settle' | 'Renew' | 'Lower';

/** The scripts, by the name under which they become commands. */
const SCRIPTS: Readonly<Record<Script, string>> = {
  Reserve: RESERVE,
  Settle: SETTLE,
  Renew: RENEW,
  Lower: LOWER,
};

type Command = (...args: readonly string[]) => Promise<unknown>;

/** Runs the scripts on a client. */
export class RedisScripts {
  readonly #client: RedisLimitClient;
  readonly #defined = new Map<string, Command>();

  constructor(client: RedisLimitClient) {
    this.#client = client;
  }

  /** Runs one script. The keys are counted where the command is defined: a Cluster finds their slot by that. */
  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const name = `sluiceLimit${script}${keys.length}`;
    let command = this.#defined.get(name);
    if (command === undefined) {
      this.#client.defineCommand(name, { lua: SCRIPTS[script], numberOfKeys: keys.length });
      const commands = this.#client as unknown as Record<string, Command>;
      command = (...given) => (commands[name] as Command)(...given);
      this.#defined.set(name, command);
    }
    return command(...keys, ...args);
  }
}
