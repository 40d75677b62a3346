import { once } from 'node:events';

/** Answers and events are the protocol's own: https://chromedevtools.github.io/devtools-protocol. */
type Fields = Readonly<Record<string, unknown>>;

/** A browser's remote control. */
export interface DevTools {
  /** Opens an empty page in a window of its own, with storage of its own. */
  open(): Promise<BrowserPage>;
  /** Lets go of the browser. */
  close(): void;
}

/** A page of a browser. */
export interface BrowserPage {
  /** What it has said since it was opened: console errors, exceptions, violations of its policy, addresses asked for. */
  readonly log: { readonly errors: string[]; readonly requests: string[] };
  /** A command of the protocol. */
  send(method: string, params?: Fields): Promise<Fields>;
  /** The value of an expression in the page. */
  evaluate<T>(expression: string): Promise<T>;
  /** Waits until an expression is true in the page. */
  until(expression: string): Promise<void>;
  /** A picture of what is shown, as PNG. */
  screenshot(): Promise<Buffer>;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Fields;
  readonly sessionId?: string;
  readonly result?: Fields;
  readonly error?: { readonly message: string };
}

/** Connects to a browser. */
export async function devTools(address: string): Promise<DevTools> {
  const socket = new WebSocket(address);
  await once(socket, 'open');
  const waiting = new Map<number, { done: (result: Fields) => void; fail: (error: Error) => void }>();
  const listeners = new Map<string, (method: string, params: Fields) => void>();
  let count = 0;

  socket.addEventListener('message', ({ data }) => {
    const {
      id,
      method,
      params = {},
      sessionId = '',
      result = {},
      error,
    } = JSON.parse(String(data)) as Message;
    if (method !== undefined) listeners.get(sessionId)?.(method, params);
    if (id === undefined) return;
    const { done, fail } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error === undefined) done?.(result);
    else fail?.(new Error(error.message));
  });
  socket.addEventListener('close', () => {
    for (const { fail } of waiting.values()) fail(new Error('the browser has gone'));
  });

  const send = (method: string, params: Fields = {}, sessionId?: string): Promise<Fields> =>
    new Promise((done, fail) => {
      const id = ++count;
      waiting.set(id, { done, fail });
      socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
    });

  return {
    async open() {
      const { browserContextId } = await send('Target.createBrowserContext');
      const { targetId } = await send('Target.createTarget', { url: 'about:blank', browserContextId });
      const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
      const session = String(sessionId);
      const log = { errors: [] as string[], requests: [] as string[] };
      listeners.set(session, (method, params) => {
        note(log, method, params);
      });
      const page: BrowserPage = {
        log,
        send: (method, params) => send(method, params, session),
        async evaluate<T>(expression: string) {
          const { result, exceptionDetails } = (await page.send('Runtime.evaluate', {
            expression,
            returnByValue: true,
            awaitPromise: true,
          })) as { result: { value: T }; exceptionDetails?: unknown };
          if (exceptionDetails !== undefined)
            throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
          return result.value;
        },
        async until(expression) {
          const deadline = Date.now() + 10_000;
          while (!(await page.evaluate<boolean>(`Boolean(${expression})`))) {
            if (Date.now() > deadline) throw new Error(`never true in the page: ${expression}`);
            await new Promise((next) => setTimeout(next, 50));
          }
        },
        async screenshot() {
          const { data } = await page.send('Page.captureScreenshot', { format: 'png' });
          return Buffer.from(String(data), 'base64');
        },
      };
      for (const domain of ['Page', 'Runtime', 'Network', 'Log', 'Audits'])
        await page.send(`${domain}.enable`);
      return page;
    },
    close: () => {
      socket.close();
    },
  };
}

/** Keeps what a page should not have said, and all that it has asked for. */
function note(log: BrowserPage['log'], method: string, params: Fields): void {
  const text = JSON.stringify(params);
  if (method === 'Network.requestWillBeSent') {
    const { request } = params as { request?: { url?: string } };
    log.requests.push(String(request?.url));
  }
  const { type } = params as { type?: string };
  if (method === 'Runtime.exceptionThrown') log.errors.push(text);
  if (method === 'Runtime.consoleAPICalled' && (type === 'error' || type === 'warning'))
    log.errors.push(text);
  if (method === 'Log.entryAdded' && /"level":"(?:error|warning)"/.test(text)) log.errors.push(text);
  if (method === 'Audits.issueAdded' && text.includes('ContentSecurityPolicy')) log.errors.push(text);
}
