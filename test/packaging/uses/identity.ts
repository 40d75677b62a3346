// What the packaging check runs in a folder that has nothing but the tarballs of core and of this plugin.
import { createPipeline, provide } from '@sluice/core';
import { identity, type IdentityOptions, issueKey, KEY_DIRECTORY } from '@sluice/identity';

const options: IdentityOptions = { prefix: 'sk-acme' };
const { text, key } = issueKey({ models: [] }, options);
await using pipeline = createPipeline({
  upstream: 'https://api.anthropic.com',
  plugins: [identity(options)],
  services: [provide(KEY_DIRECTORY, () => ({ find: (id) => (id === key.id ? key : undefined) }))],
});

const ask = async (apiKey: string): Promise<number> => {
  const headers = { 'x-api-key': apiKey };
  return (await pipeline.fetch('https://a.test/v1/messages', { method: 'POST', headers, body: '{}' })).status;
};
// The key is known and may use no model; another is not known.
const statuses: readonly number[] = [await ask(text), await ask(issueKey({}, options).text)];
if (statuses.join() !== '403,401') throw new Error(`the answers were ${statuses.join()}`);
