import { byId, html, toneOf } from './dom.js';
import { drawLegend, drawTimes, drawTraffic, sparkline } from './charts.js';
import { reattach, showEnded, showLive } from './dots.js';
import { count, duration, rate, share, sum } from './numbers.js';
import { drawRiver, endpointsOf } from './river.js';
import { drawDetail, drawLive, drawProblems, drawStates, drawTenants } from './tables.js';
import { say, speak, translated, words } from './words.js';

/** @typedef {import('./known.d.ts').Known} Known */

/** @type {Known} */
const known = {};
/** @type {string | undefined} */
let picked;
/** @type {'connecting' | 'live' | 'lost' | 'full'} */
let connection = 'connecting';

/** Sums of a column over the last seconds, without the present one, which is not over. @param {string} name @param {number} seconds */
const lately = (name, seconds) => {
  const { columns = [], rows = [] } = known.seconds ?? {};
  const column = columns.indexOf(name);
  return sum(rows.slice(-seconds - 1, -1).map((row) => row[column] ?? 0));
};

/** Every five seconds of the last five minutes. @param {(row: number[]) => number} pick */
const series = (pick) => {
  // Whole ones alone: a second that is not over would look like a fall.
  const rows = known.seconds?.rows.slice(4, -1) ?? [];
  return Array.from({ length: 59 }, (_, i) => sum(rows.slice(i * 5, i * 5 + 5).map(pick)));
};

/** The plugin that most answers of a kind came from, in brackets. @param {string} kind */
const by = (kind) => {
  const [top] = Object.entries(known.answers ?? {})
    .filter(([name]) => name.startsWith(`${kind}:`))
    .toSorted(([, a], [, b]) => b - a);
  return top === undefined ? '' : ` (${top[0].slice(kind.length + 1)})`;
};

/** What somebody on call wants to know first. */
const verdict = () => {
  const w = words();
  const { columns = [] } = known.seconds ?? {};
  const calls = sum(columns.map((name) => lately(name, 60)));
  const failed = lately('failed', 60);
  const refused = lately('refused', 60);
  const ill = endpointsOf(known).filter(({ tone }) => tone === 'bad' || tone === 'warn');
  const parts = [
    failed / calls >= 0.02
      ? [say(w.failing, share(failed, calls)), failed / calls > 0.1 ? 'bad' : 'warn']
      : undefined,
    ill.length > 0
      ? [
          say(w.troubled, ill.map(({ label, state }) => `${label} (${translated(state)})`).join(', ')),
          ill.some(({ tone }) => tone === 'bad') ? 'bad' : 'warn',
        ]
      : undefined,
    refused / calls >= 0.05 ? [say(w.refusing, share(refused, calls)) + by('refused'), 'warn'] : undefined,
  ].filter((part) => part !== undefined);
  const all = sum(Object.values(known.answers ?? {}));
  const calm = calls > 0 ? w.allWell : all > 0 ? w.idle : w.noCalls;
  const separator = document.documentElement.lang === 'en' ? ' · ' : '；';
  return parts.length === 0
    ? [html('b', { class: calls > 0 ? 'good' : '' }, calm)]
    : [
        ...parts.flatMap(([text = '', tone = ''], i) => [
          i > 0 ? separator : '',
          html('b', { class: tone }, text),
        ]),
        html('small', {}, ` ${w.lastMinute}`),
      ];
};

const vitals = () => {
  const w = words();
  const { live, totals = {}, latency, firstEvent, seconds } = known;
  const columns = seconds?.columns ?? [];
  const calls = sum(columns.map((name) => lately(name, 60)));
  const ever = sum(columns.map((name) => totals[name] ?? 0));
  const at = (/** @type {string} */ name) => (/** @type {number[]} */ row) => row[columns.indexOf(name)] ?? 0;
  const answered = lately('served', 300) + lately('cached', 300);
  const tail = (/** @type {number | undefined} */ p95) => `p95 ${duration(p95)}`;
  /** @type {[string, string, string, SVGElement?][]} */
  const cells = [
    [w.callsPerSecond, rate(calls / 60), say(w.total, count(ever)), sparkline(series(sum), toneOf('served'))],
    [w.inProgress, count(live?.inFlight ?? 0), say(w.retries, count(totals['retries'] ?? 0))],
    [
      w.failures,
      share(lately('failed', 60), calls),
      `${w.refusals} ${share(lately('refused', 60), calls)}`,
      sparkline(series(at('failed')), toneOf('failed')),
    ],
    [w.latency, duration(latency?.p50), tail(latency?.p95)],
    [w.firstEvent, duration(firstEvent?.p50), tail(firstEvent?.p95)],
    [
      w.cacheHits,
      share(lately('cached', 300), answered),
      w.lastMinutes,
      sparkline(series(at('cached')), toneOf('cached')),
    ],
    [w.tokens, count(totals['outputTokens'] ?? 0), say(w.inTokens, count(totals['inputTokens'] ?? 0))],
  ];
  return cells.map(([name, value, beside, line]) => {
    const [number = '', unit = ''] = value.split('\u00a0');
    return html(
      'div',
      {},
      html('dt', {}, name),
      html('dd', {}, number, ...(unit ? [html('small', {}, unit)] : [])),
      html('dd', {}, beside, ...(line ? [line] : [])),
    );
  });
};

const pick = (/** @type {string} */ name) => {
  picked = picked === name ? undefined : name;
  drawRiver(known, picked, pick);
  drawDetail(known, picked);
  reattach();
};

/** Draws the parts that the sections concern; all of them by default. @param {Set<string>} news */
const draw = (news = new Set(['live', 'slow'])) => {
  const w = words();
  if (news.has('live')) {
    drawLive(known);
    showLive(known.live?.calls ?? []);
  }
  if (news.has('slow')) {
    byId('upstream').textContent = known.pipeline?.upstream ?? '';
    drawRiver(known, picked, pick);
    reattach();
    drawTraffic(known);
    drawTimes(known);
    drawLegend(known);
    drawProblems(known);
    drawTenants(known);
    drawStates(known);
    const said = verdict();
    // Screen readers would say it again.
    if (
      byId('verdict').textContent !==
      said.map((part) => (typeof part === 'string' ? part : part.textContent)).join('')
    )
      byId('verdict').replaceChildren(...said);
  }
  byId('vitals').replaceChildren(...vitals());
  byId('connection').className =
    `connection ${connection === 'live' ? 'good' : connection === 'connecting' ? '' : 'bad'}`;
  if (byId('connection').textContent !== w[connection]) byId('connection').textContent = w[connection];
};

/** Takes news in. @param {Known} news */
const learn = ({ ended, seconds, ...sections }) => {
  Object.assign(known, sections);
  if (seconds !== undefined) {
    const rows = known.seconds?.rows ?? [];
    const passed = seconds.now - (known.seconds?.now ?? 0);
    const whole = seconds.rows.length >= 300 || rows.length === 0;
    const gap = Array.from({ length: Math.max(0, Math.min(300, passed - seconds.rows.length)) }, () =>
      seconds.columns.map(() => 0),
    );
    const kept =
      passed < seconds.rows.length
        ? rows.slice(0, rows.length - (seconds.rows.length - passed))
        : [...rows, ...gap];
    known.seconds = { ...seconds, rows: whole ? seconds.rows : [...kept, ...seconds.rows].slice(-300) };
  }
  const slow =
    seconds !== undefined || Object.keys(sections).some((name) => name !== 'live' && name !== 'totals');
  draw(new Set([...('live' in sections ? ['live'] : []), ...(slow ? ['slow'] : [])]));
  if (ended !== undefined) showEnded(ended);
};

/** @type {EventSource | undefined} */
let source;
const connect = () => {
  source?.close();
  source = new EventSource(`${location.pathname.replace(/\/$/, '')}/feed`);
  const opened = source;
  opened.onopen = () => {
    connection = 'live';
  };
  opened.onmessage = ({ data }) => learn(JSON.parse(data));
  opened.onerror = () => {
    const refused = opened.readyState === EventSource.CLOSED;
    connection = refused ? 'full' : 'lost';
    draw(new Set());
    if (refused && !document.hidden) setTimeout(connect, 10_000);
  };
};
// Nobody looks: the host need not, either.
document.addEventListener('visibilitychange', () => (document.hidden ? source?.close() : connect()));

/** What was chosen here before. Private windows may have no storage. @param {string} name @param {string} [value] */
const stored = (name, value) => {
  try {
    if (value !== undefined) localStorage.setItem(`sluice-${name}`, value);
    return localStorage.getItem(`sluice-${name}`);
  } catch {
    return null;
  }
};

const dressed = () => {
  const dark = document.documentElement.dataset['theme'] === 'dark';
  const w = words();
  byId('theme').textContent = dark ? w.light : w.dark;
  byId('theme').setAttribute('aria-label', `${w.themeIs}: ${dark ? w.light : w.dark}`);
};
/** @param {string} theme */
const dress = (theme) => {
  document.documentElement.dataset['theme'] = theme;
  dressed();
};
/** @param {string} language */
const translate = (language) => {
  speak(language === 'zh' ? 'zh' : 'en');
  for (const element of document.querySelectorAll('[data-word]')) {
    element.textContent =
      /** @type {Record<string, string>} */ (/** @type {unknown} */ (words()))[
        /** @type {HTMLElement} */ (element).dataset['word'] ?? ''
      ] ?? '';
  }
  byId('language').textContent = language === 'zh' ? 'English' : '中文';
  byId('language').lang = language === 'zh' ? 'en' : 'zh';
  dressed();
  draw();
  drawDetail(known, picked);
};

const prefersDark = matchMedia('(prefers-color-scheme: dark)');
dress(stored('theme') ?? (prefersDark.matches ? 'dark' : 'light'));
prefersDark.addEventListener(
  'change',
  ({ matches }) => stored('theme') === null && dress(matches ? 'dark' : 'light'),
);
translate(stored('language') ?? (navigator.language.startsWith('zh') ? 'zh' : 'en'));
byId('theme').addEventListener('click', () => {
  const theme = document.documentElement.dataset['theme'] === 'dark' ? 'light' : 'dark';
  stored('theme', theme);
  dress(theme);
});
byId('language').addEventListener('click', () => {
  const language = document.documentElement.lang === 'en' ? 'zh' : 'en';
  stored('language', language);
  translate(language);
});
let resizing = 0;
addEventListener('resize', () => {
  cancelAnimationFrame(resizing);
  resizing = requestAnimationFrame(() => draw());
});
connect();
