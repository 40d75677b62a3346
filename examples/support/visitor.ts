import Anthropic from '@anthropic-ai/sdk';
import { duration } from './table.ts';

/** What is asked. */
export const MODEL: string = process.env['ANTHROPIC_MODEL'] ?? 'claude-haiku-4-5';

/** Somebody who uses the app: the official SDK, pointed at its /claude. */
export class Visitor {
  readonly #client: Anthropic;

  constructor(url: string, apiKey: string) {
    this.#client = new Anthropic({ baseURL: `${url}/claude`, apiKey, authToken: null });
  }

  /** Asks for a whole answer, and prints it. */
  async ask(content: string): Promise<void> {
    const { content: blocks } = await this.#client.messages.create(question(content));
    console.log(`  ${blocks.map((block) => (block.type === 'text' ? block.text : '')).join('')}`);
  }

  /** Asks for a stream, and prints it as it comes in. */
  async stream(content: string): Promise<{ readonly firstMs: number; readonly lastMs: number }> {
    const started = performance.now();
    let firstMs: number | undefined;
    let lastMs = 0;
    process.stdout.write('  ');
    try {
      for await (const event of await this.#client.messages.create({ ...question(content), stream: true })) {
        if (event.type !== 'content_block_delta' || event.delta.type !== 'text_delta') continue;
        lastMs = performance.now() - started;
        firstMs ??= lastMs;
        process.stdout.write(event.delta.text);
      }
    } finally {
      process.stdout.write('\n');
    }
    console.log(`  (first word after ${duration(firstMs ?? 0)}, last after ${duration(lastMs)})`);
    return { firstMs: firstMs ?? 0, lastMs };
  }
}

function question(content: string): Anthropic.MessageCreateParamsNonStreaming {
  return { model: MODEL, max_tokens: 100, messages: [{ role: 'user', content }] };
}

/** What an error of the SDK says: its message is the whole event when the error came in a stream. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { error: body } = error as { error?: { error?: { message?: string } } };
  return `${error.constructor.name}: ${body?.error?.message ?? error.message}`;
}
