import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cache } from '@sluice/cache';
import { circuitBreaker } from '@sluice/circuit-breaker';
import { createPipeline, definePlugin, PipelineError, PRINCIPAL } from '@sluice/core';
import { fakeUpstream } from '@sluice/core/testing';
import { inspector, inspectorHandle, mount } from '@sluice/inspector';
import { rateLimit } from '@sluice/rate-limit';
import { regionRouting } from '@sluice/region-routing';
import { retry } from '@sluice/retry';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Chromium, describeWithChromium, startChromium } from '../support/chromium.ts';
import type { BrowserPage } from '../support/dev-tools.ts';

/** Shown as text, or run as markup: then it would tell. */
const MARKUP = '<img src=x onerror=console.error(1)><script>console.error(2)</script>';

/** A pipeline at work under a page. */
async function inspected() {
  const eu = await fakeUpstream({ tokenDelayMs: 5 });
  const us = await fakeUpstream({ tokenDelayMs: 5 });
  const handle = inspectorHandle();
  const gate = definePlugin({
    name: MARKUP,
    create: () => ({
      handle(request, next) {
        if (request.headers['x-refuse'] === undefined) return next(request);
        return Promise.reject(new PipelineError('forbidden', { plugin: MARKUP }));
      },
    }),
  });
  const pipeline = createPipeline({
    upstream: 'https://api.anthropic.com',
    plugins: [
      inspector({ handle }),
      gate(),
      cache({ ttlMs: 77_000 }),
      rateLimit({ rules: [{ name: 'rpm', of: 'requests', limit: 100, windowMs: 60_000 }] }),
      retry(),
      regionRouting({
        strategy: 'priority',
        endpoints: [
          { id: 'frankfurt', region: 'eu', url: eu.url, credential: 'caller' },
          { id: 'virginia', region: 'us', url: us.url, credential: 'caller', priority: 1 },
        ],
      }),
      circuitBreaker(),
    ],
  });
  const show = mount(pipeline, handle, { basePath: '/sluice' });
  const server = createServer(async (req, res) => {
    if (!(await show(req, res))) res.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const call = async (
    text: string,
    tenant = 'acme',
    headers: Record<string, string> = {},
  ): Promise<Response> => {
    const fields = { model: tenant === 'acme' ? 'opus' : MARKUP, max_tokens: 50, stream: true };
    const body = Buffer.from(JSON.stringify({ ...fields, messages: [{ role: 'user', content: text }] }));
    return pipeline.handle({ method: 'POST', target: '/v1/messages', headers, body }, (state) => {
      state.set(PRINCIPAL, { id: 'someone', tenant });
    });
  };
  return {
    eu,
    us,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/sluice`,
    call,
    /** Reads a call to its end. */
    done: async (...args: Parameters<typeof call>): Promise<void> =>
      void (await (await call(...args)).text()),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await Promise.all([eu.close(), us.close()]);
      await pipeline.close(0);
    },
  };
}

interface Look {
  readonly width?: number;
  readonly scheme?: 'light' | 'dark';
  readonly language?: string;
  readonly motion?: 'reduce' | 'no-preference';
}

const clean = (page: BrowserPage, url: string): void => {
  expect(page.log.errors).toEqual([]);
  expect(
    page.log.requests.filter(
      (asked) => asked !== url && asked !== `${url}/feed` && !asked.startsWith('data:'),
    ),
  ).toEqual([]);
};

describeWithChromium('the page of the inspector', () => {
  let browser: Chromium;
  beforeAll(async () => {
    browser = await startChromium();
  }, 60_000);
  afterAll(async () => {
    await browser[Symbol.asyncDispose]();
  });

  async function open(
    url: string,
    { width = 1280, scheme = 'light', language = 'en-US', motion }: Look = {},
  ) {
    const page = await browser.devTools.open();
    const mobile = width < 600;
    await page.send('Emulation.setDeviceMetricsOverride', {
      width,
      height: 900,
      deviceScaleFactor: 1,
      mobile,
    });
    const features = [
      { name: 'prefers-color-scheme', value: scheme },
      { name: 'prefers-reduced-motion', value: motion ?? 'no-preference' },
    ];
    await page.send('Emulation.setEmulatedMedia', { features });
    await page.send('Emulation.setUserAgentOverride', { userAgent: 'test', acceptLanguage: language });
    await page.send('Page.navigate', { url });
    await page.until(
      `document.querySelector('#connection.good') && document.querySelectorAll('#stations button').length === 7`,
    );
    return page;
  }

  test('draws the pipeline as it is assembled, with its options, and every plugin by keyboard', async () => {
    await using app = await inspected();
    const page = await open(app.url);
    const names = await page.evaluate<string[]>(
      `[...document.querySelectorAll('#stations button')].map((button) => button.textContent)`,
    );
    expect(names).toEqual([
      'inspector',
      MARKUP,
      'cache',
      'rate-limit',
      'retry',
      'region-routing',
      'circuit-breaker',
    ]);
    expect(await page.evaluate(`document.querySelectorAll('#water .gate').length`)).toBe(7);
    expect(await page.evaluate(`document.querySelector('#stations').innerText`)).toMatch(
      /frankfurt[^]*virginia/,
    );
    await page.evaluate(`document.querySelectorAll('#stations button')[2].focus()`);
    for (const type of ['rawKeyDown', 'char', 'keyUp'])
      await page.send('Input.dispatchKeyEvent', {
        type,
        key: 'Enter',
        code: 'Enter',
        windowsVirtualKeyCode: 13,
        text: '\r',
      });
    await page.until(`!document.querySelector('#detail').hidden`);
    expect(await page.evaluate(`document.querySelector('#detail').innerText`)).toMatch(/ttlMs\s+77000/);
    // The river is drawn anew with each call; who was there by keyboard stays there.
    await app.done('Hello');
    await app.done('Hello');
    await page.until(`document.activeElement.nextSibling?.textContent === '1'`);
    expect(await page.evaluate(`document.activeElement.textContent`)).toBe('cache');
    expect(await page.evaluate(`document.activeElement.getAttribute('aria-expanded')`)).toBe('true');
    clean(page, app.url);
  });

  test('shows a call while it is in progress, and then where it was answered', async () => {
    await using app = await inspected();
    const page = await open(app.url);
    expect(await page.evaluate(`document.querySelector('#verdict').textContent`)).toBe('No calls yet.');
    app.eu.reply('stall; afterEvents=4');
    const stalled = await app.call('Stay a while');
    await page.until(`/opus[^]*acme[^]*answers · frankfurt/.test(document.querySelector('#live').innerText)`);
    await page.until(`document.querySelectorAll('#water .dot').length === 1`);
    await stalled.body?.cancel();
    await page.until(`document.querySelector('#live').innerText === 'None.'`);
    await page.until(`document.querySelectorAll('#water .dot').length === 0`);

    await app.done('Hello');
    await app.done('Hello');
    app.eu.reply({ kind: 'status', status: 503 });
    await app.done('Elsewhere');
    await app.done('Refused', 'globex', { 'x-refuse': 'yes' });
    const count = (name: string): string =>
      `[...document.querySelectorAll('#stations li')].find((item) => item.querySelector('button')?.textContent === ${JSON.stringify(name)}).querySelector('.count')?.textContent`;
    await page.until(`${count('cache')} === '1' && ${count(MARKUP)} === '1'`);
    expect(await page.evaluate(`document.querySelector('#stations').innerText`)).toMatch(
      /virginia[^]*us · 1/,
    );
    expect(await page.evaluate(`document.querySelector('#problems').innerText`)).toMatch(
      /forbidden[^]*globex[^]*403/,
    );
    expect(await page.evaluate(`document.querySelector('#tenants').innerText`)).toMatch(/acme[^]*globex/);
    expect(await page.evaluate(`document.querySelector('#states').innerText`)).toMatch(
      /cache[^]*rate-limit[^]*rpm[^]*region-routing[^]*frankfurt[^]*circuit-breaker[^]*closed/,
    );
    expect(await page.evaluate(`document.querySelectorAll('#times rect').length`)).toBeGreaterThan(1);
    expect(await page.evaluate(`document.querySelectorAll('#traffic rect').length`)).toBeGreaterThan(0);
    clean(page, app.url);
  });

  test('says in one sentence what is wrong', async () => {
    await using app = await inspected();
    const page = await open(app.url);
    for (const each of [app.eu, app.us]) each.script(() => ({ kind: 'status', status: 400 }));
    for (let n = 0; n < 4; n++) await app.done(`Call ${n}`);
    await page.until(
      `document.querySelector('#verdict').textContent.startsWith('100\\u00a0% of calls fail')`,
    );
    expect(await page.evaluate(`document.querySelector('#verdict b').className`)).toBe('bad');
    clean(page, app.url);
  });

  test('shows names with markup in them as text', async () => {
    await using app = await inspected();
    const page = await open(app.url);
    await app.done('Hi', MARKUP);
    await app.done('Hi', MARKUP, { 'x-refuse': 'yes' });
    await page.until(`document.querySelector('#problems').textContent.includes('<img src=x')`);
    await page.until(`document.querySelector('#tenants').textContent.includes('<script>')`);
    expect(await page.evaluate(`document.querySelectorAll('main img, main script').length`)).toBe(0);
    // And nothing could make it markup.
    expect(
      await page.evaluate(
        `(() => { try { document.body.innerHTML = '<b>x</b>'; return 'set'; } catch { return 'refused'; } })()`,
      ),
    ).toBe('refused');
  });

  test.each([
    ['light', 'en-US'],
    ['dark', 'zh-CN'],
  ] as const)('fits a phone, %s, %s', async (scheme, language) => {
    await using app = await inspected();
    await app.done('Hello');
    await app.done('Hello', 'a-tenant-with-a-very-long-name-that-goes-on-and-on', { 'x-refuse': 'yes' });
    const page = await open(app.url, { width: 360, scheme, language });
    await page.until(`document.querySelector('#tenants td')`);
    expect(await page.evaluate(`[document.documentElement.scrollWidth, innerWidth]`)).toEqual([360, 360]);
    expect(await page.evaluate(`document.documentElement.dataset.theme`)).toBe(scheme);
    const title = language === 'zh-CN' ? '管线' : 'Pipeline';
    expect(await page.evaluate(`document.querySelector('#h-river').textContent`)).toBe(title);
    // Down the page, each plugin below the one before.
    const tops = await page.evaluate<number[]>(
      `[...document.querySelectorAll('#stations button')].map((button) => button.getBoundingClientRect().top)`,
    );
    expect(tops).toEqual(tops.toSorted((a, b) => a - b));
    expect(new Set(tops).size).toBe(7);
    expect((await page.screenshot()).length).toBeGreaterThan(10_000);
    clean(page, app.url);
  });

  test('changes its colours and its language, and remembers them', async () => {
    await using app = await inspected();
    const page = await open(app.url);
    const ground = `getComputedStyle(document.body).backgroundColor`;
    const light = await page.evaluate<string>(ground);
    await page.evaluate(`document.querySelector('#theme').click()`);
    expect(await page.evaluate(ground)).not.toBe(light);
    await page.evaluate(`document.querySelector('#language').click()`);
    expect(await page.evaluate(`document.documentElement.lang`)).toBe('zh-CN');
    expect(await page.evaluate(`document.querySelector('#verdict').textContent`)).toBe('还没有调用。');
    await page.send('Page.reload');
    await page.until(`document.querySelector('#verdict')?.textContent === '还没有调用。'`);
    expect(await page.evaluate(`document.documentElement.dataset.theme`)).toBe('dark');
    clean(page, app.url);
  });

  test('moves nothing for those who want no motion', async () => {
    await using app = await inspected();
    const page = await open(app.url, { motion: 'reduce' });
    await app.done('Hello');
    await page.until(`document.querySelector('#vitals').innerText.includes('1 since the start')`);
    expect(await page.evaluate(`document.querySelectorAll('#water .dot').length`)).toBe(0);
    expect(await page.evaluate(`document.getAnimations().length`)).toBe(0);
    clean(page, app.url);
  });

  test.each(['light', 'dark'] as const)('has contrast enough to be read, %s', async (scheme) => {
    await using app = await inspected();
    const page = await open(app.url, { scheme });
    const worst = await page.evaluate<{ ratio: number; pair: string }>(`(() => {
      const css = getComputedStyle(document.documentElement);
      const value = (name) => css.getPropertyValue('--' + name).trim();
      const light = (hex) => {
        const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
          .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const pairs = ['ink', 'soft', 'refused', 'failed', 'cached'].flatMap((text) => ['panel', 'ground'].map((ground) => {
        const [a, b] = [light(value(text)), light(value(ground))].sort((x, y) => y - x);
        return { ratio: (a + 0.05) / (b + 0.05), pair: text + ' on ' + ground };
      }));
      return pairs.sort((a, b) => a.ratio - b.ratio)[0];
    })()`);
    // WCAG AA for text.
    expect(worst.ratio, worst.pair).toBeGreaterThanOrEqual(4.5);
  });
});
