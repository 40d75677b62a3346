// What the packaging check runs in a folder that has nothing but the tarballs of core and of this plugin.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createPipeline } from '@sluice/core';
import { inspector, type InspectorHandle, inspectorHandle, mount } from '@sluice/inspector';
import { mount as mountWeb } from '@sluice/inspector/web';

const handle: InspectorHandle = inspectorHandle();
await using pipeline = createPipeline({
  upstream: 'https://api.anthropic.com',
  plugins: [inspector({ handle })],
});

const server = createServer(mount(pipeline, handle));
await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
const page = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
if (!(await page.text()).includes('new EventSource')) throw new Error(`the page is ${page.status}`);
server.close();
server.closeAllConnections();

const show = mountWeb(pipeline, handle, { authorize: () => false });
const { status } = await show(new Request('https://app.test/'));
if (status !== 403) throw new Error(`a stranger gets ${status}`);
