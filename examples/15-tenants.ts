// An app that has a login of its own: who is logged in may call, each team with its limit and its cache, and the key that
// goes upstream is the app's.
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { mount } from '@sluice/adapters/express';
import { standardPipeline } from '@sluice/standard';
import express from 'express';
import { listen } from './support/server.ts';
import { claudeOrFake } from './support/upstream.ts';

await using upstream = await claudeOrFake();

// What the app has already: a login that gives out sessions.
const sessions = new Map([
  ['session-of-ann', { id: 'ann', team: 'acme' }],
  ['session-of-ada', { id: 'ada', team: 'acme' }],
  ['session-of-bob', { id: 'bob', team: 'bolt' }],
]);

// #region tenants
const pipeline = standardPipeline({
  upstream: upstream.url, // https://api.anthropic.com
  cache: true, // A team never gets what another has asked.
  rateLimit: { rules: [{ name: 'monthly', of: 'requests', limit: 2, calendar: 'month', by: 'tenant' }] },
  credentials: {
    poolScope: 'shared',
    // In earnest: envKey('ANTHROPIC_API_KEY') of @sluice/credentials, or whatever asks your vault.
    keys: [{ id: 'operator', load: () => Promise.resolve({ secret: upstream.apiKey }) }],
  },
});

const app = express();
app.use(
  '/claude',
  mount(pipeline, {
    identify(req: express.Request) {
      const user = sessions.get(/session=([\w-]+)/.exec(req.get('cookie') ?? '')?.[1] ?? '');
      if (!user) throw new Error('nobody is logged in'); // 401, and the body is not even read.
      return { id: user.id, tenant: user.team };
    },
  }),
);
// #endregion

await using server = await listen(app);

/** What the page of somebody does who has this session. */
async function ask(session: string, content: string): Promise<string> {
  const client = new Anthropic({
    baseURL: `${server.url}/claude`,
    apiKey: 'none', // The page has no key: the session is what counts.
    authToken: null,
    maxRetries: 0,
    defaultHeaders: { cookie: `session=${session}` },
  });
  const messages = [{ role: 'user' as const, content }];
  return client.messages.create({ model: 'claude-haiku-4-5', max_tokens: 100, messages }).then(
    () => 'answered',
    (error: unknown) => (error instanceof Anthropic.APIError ? `${error.status}` : String(error)),
  );
}

const steps = [
  ['session-of-nobody', 'Hello!', '401'],
  ['session-of-ann', 'Hello!', 'answered'],
  ['session-of-ada', 'Hello!', 'answered'], // From the cache of the team: it costs no quota.
  ['session-of-ada', 'Good morning!', 'answered'],
  ['session-of-ann', 'Good evening!', '429'], // The team's third call.
  ['session-of-bob', 'Hello!', 'answered'], // Another team: another limit, another cache.
] as const;
for (const [session, content, wanted] of steps) {
  const got = await ask(session, content);
  console.log(`${session.padEnd(18)} ${content.padEnd(14)} ${got}`);
  assert.equal(got, wanted);
}
// Three went upstream, with the app's key, and nobody's cookie.
const sent = upstream.fake?.requests ?? [];
for (const { headers } of sent)
  assert.deepEqual(
    [headers['authorization'], headers['x-api-key'], headers['cookie']],
    ['Bearer not-a-key', undefined, undefined],
  );
if (upstream.fake) assert.equal(sent.length, 3);
await pipeline.close();
