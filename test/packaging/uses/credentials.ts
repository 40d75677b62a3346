// What the packaging check runs in a folder that has nothing but the tarballs of core and of this plugin.
import { createPipeline, provide } from '@sluice/core';
import { credentials, type CredentialsOptions, KEY_STATES, KeyStates, Secret } from '@sluice/credentials';

const options: CredentialsOptions = { keys: [{ id: 'main', load: () => new Secret('sk-ant-0') }] };
const states = new KeyStates();
await using pipeline = createPipeline({
  upstream: 'https://api.anthropic.com',
  plugins: [credentials(options)],
  services: [provide(KEY_STATES, () => states)],
});
await pipeline.start();

const shown = JSON.stringify(states.list());
if (!shown.includes('"active"') || shown.includes('sk-ant-0')) throw new Error(`the keys are ${shown}`);
