import { type FakeUpstream, fakeUpstream } from '@sluice/core/testing';

/** What an example talks to. */
export interface Upstream extends AsyncDisposable {
  /** Base URL for `createPipeline`. */
  readonly url: string;
  /** The key that callers send. */
  readonly apiKey: string;
  /** The fake provider, if it is not the real one. Only a fake one can be made to fail. */
  readonly fake: FakeUpstream | undefined;
}

/** The real API when there is a key for it, else a fake one in this process, which echoes what it is asked. */
export function claudeOrFake(): Promise<Upstream> {
  return realOrFake('https://api.anthropic.com', process.env['ANTHROPIC_API_KEY']);
}

/** The same for OpenAI's. */
export function openaiOrFake(): Promise<Upstream> {
  return realOrFake('https://api.openai.com', process.env['OPENAI_API_KEY']);
}

async function realOrFake(url: string, apiKey: string | undefined): Promise<Upstream> {
  if (apiKey) {
    const close = async (): Promise<void> => {};
    return { url, apiKey, fake: undefined, [Symbol.asyncDispose]: close };
  }
  // Slow enough to see the words come in.
  const fake = await fakeUpstream({ tokenDelayMs: 40 });
  return { url: fake.url, apiKey: 'not-a-key', fake, [Symbol.asyncDispose]: () => fake.close() };
}
