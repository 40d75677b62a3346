import { createServer } from 'node:http';
import { createPipeline } from '@sluice/core';
import { retry } from '@sluice/retry';
import { mount } from '@sluice/adapters/node';
const up = createServer((req, res) => { req.resume(); req.on('end', async () => {
  const body = req.headers['x-s'] ? 1 : 0;
  if (body) { res.writeHead(200, {'content-type':'text/event-stream'}); 
   res.write('event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":3}}}\n\n');
   res.write('event: content_block_start\ndata: {"type":"content_block_start","index":0}\n\n');
   await new Promise(r=>setTimeout(r,20));
   res.write('event: message_stop\ndata: {"type":"message_stop"}\n\n');res.end(); }
  else { res.writeHead(200, {'content-type':'application/json'}); res.end('{"usage":{"input_tokens":3}}'); }
}); }).listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${(up.address() as any).port}`;
  const p = createPipeline({ upstream: url, plugins: [retry()] });
  console.log(JSON.stringify(p.describe(), null, 1));
  const h = mount(p);
  const s = createServer((q, r) => { void h(q, r); }).listen(0, '127.0.0.1');
  await new Promise(r => s.once('listening', r));
  const base = `http://127.0.0.1:${(s.address() as any).port}`;
  for (const x of [undefined, '1']) {
    const r = await fetch(base + '/v1/messages', { method: 'POST', body: JSON.stringify({stream: !!x}), headers: { 'content-type': 'application/json', 'x-api-key':'k', ...(x ? {'x-s': x} : {}) }, signal: AbortSignal.timeout(3000) });
    console.log(r.status, Object.fromEntries(r.headers), await r.text());
    const r2 = await p.fetch(url + '/v1/messages', { method: 'POST', body: JSON.stringify({stream: !!x}), headers: { 'content-type': 'application/json', 'x-api-key':'k', ...(x ? {'x-s': x} : {}) }, signal: AbortSignal.timeout(3000) });
    console.log(r2 instanceof Response, r2.status, await r2.text());
  }
  await p.close(); s.close(); up.close(); s.closeAllConnections(); up.closeAllConnections();
});
