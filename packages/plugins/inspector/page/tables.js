import { byId, html, toneOf } from './dom.js';
import { clock, count, duration, share, sum } from './numbers.js';
import { toneOfState } from './river.js';
import { say, translated, words } from './words.js';

/** @typedef {import('./known.d.ts').Known} Known */
/** @typedef {Node | string} Cell */

/** A table, or a word when it has no lines. Numbers stand on the right.
 * @param {string[]} heads @param {Cell[][]} lines @param {number[]} [right] @param {number[]} [extra] Columns that a phone has no room for. */
const table = (heads, lines, right = [], extra = []) => {
  if (lines.length === 0) return html('p', { class: 'empty' }, words().none);
  /** @param {number} i @returns {Record<string, string>} */
  const side = (i) => ({ class: `${right.includes(i) ? 'right' : ''} ${extra.includes(i) ? 'extra' : ''}` });
  return html(
    'table',
    {},
    html(
      'thead',
      {},
      html('tr', {}, ...heads.map((head, i) => html('th', { scope: 'col', ...side(i) }, head))),
    ),
    html(
      'tbody',
      {},
      ...lines.map((line) => html('tr', {}, ...line.map((cell, i) => html('td', side(i), cell)))),
    ),
  );
};

/** @param {string} text @param {string} tone */
const toned = (text, tone) => {
  const element = html('span', { class: 'code' }, text);
  element.style.setProperty('--tone', tone);
  return element;
};

/** @param {unknown} value */
const state = (value) => html('span', { class: `state ${toneOfState(value)}` }, translated(String(value)));

/** @param {number} used @param {number} limit */
const meter = (used, limit) => {
  const part = Math.min(1, Math.max(0, used / limit));
  const fill = html('i', { class: part > 0.95 ? 'bad' : part > 0.75 ? 'warn' : '' });
  fill.style.width = `${(100 * part).toFixed(0)}%`;
  return html('span', {}, html('span', { class: 'meter' }, fill), `${count(used)} / ${count(limit)}`);
};

/** The calls in progress. @param {Known} known */
export const drawLive = ({ live, pipeline }) => {
  const { calls = [], inFlight = 0 } = live ?? {};
  const w = words();
  const lines = calls
    .slice(0, 12)
    .map(({ model = '–', tenant = '–', phase, endpoint, attempts, ageMs }) => [
      html('span', { class: 'mono' }, model),
      tenant,
      [w.phases[phase], endpoint === '' ? pipeline?.upstream : endpoint].filter(Boolean).join(' · '),
      attempts > 1 ? `${attempts}×` : '',
      duration(ageMs),
    ]);
  const more = inFlight - lines.length;
  byId('live').replaceChildren(
    table([w.model, w.tenant, w.where, '', w.age], lines, [3, 4], [1, 3]),
    ...(more > 0 ? [html('p', { class: 'more' }, say(w.more, count(more)))] : []),
  );
};

/** The last refusals and failures. @param {Known} known */
export const drawProblems = ({ problems = [] }) => {
  const w = words();
  const lines = problems.map(
    ({ kind, plugin, endpoint, region, code = '', at, status, model = '–', tenant = '–' }) => [
      html('span', { class: 'soft' }, clock(at)),
      toned(code, toneOf(kind)),
      plugin ?? [endpoint, region].filter((part) => part !== undefined && part !== '').join(' · '),
      tenant,
      html('span', { class: 'mono' }, model),
      String(status),
    ],
  );
  byId('problems').replaceChildren(
    table([w.when, w.what, w.where, w.tenant, w.model, w.status], lines, [5], [3, 4]),
  );
};

/** The tenants that call most. @param {Known} known */
export const drawTenants = ({ tenants }) => {
  const w = words();
  const lines = (tenants?.rows ?? []).map(([tenant, row]) => {
    const [served = 0, cached = 0, refused = 0, failed = 0, left = 0, input = 0, output = 0] = row;
    const calls = sum([served, cached, refused, failed, left]);
    return [
      html('span', { class: 'mono' }, tenant),
      count(calls),
      share(cached, calls),
      refused > 0 ? toned(count(refused), toneOf('refused')) : '0',
      failed > 0 ? toned(count(failed), toneOf('failed')) : '0',
      `${count(input)} → ${count(output)}`,
    ];
  });
  byId('p-tenants').hidden = lines.length === 0;
  byId('tenants').replaceChildren(
    table([w.tenant, w.calls, w.cached, w.refused, w.failed, w.inOut], lines, [1, 2, 3, 4, 5]),
  );
};

/** How a column of a plugin's own is called: `openForMs` is a time, `open for`. @param {string} name */
const headOf = (name) =>
  translated(
    name
      .replace(/([a-z])([A-Z])/g, '$1 $2')
      .toLowerCase()
      .replace(/ ?(for|reset)? ms$/, (_, word) => (word === 'reset' ? 'resets' : word ? ` ${word}` : ''))
      .trim(),
  );

/** @param {import('./known.d.ts').Row} row @param {string} name @returns {Cell} */
const cellOf = (row, name) => {
  const value = row[name];
  if (value === undefined) return '';
  if (name === 'state') return state(value);
  if (name === 'used' && typeof value === 'number' && typeof row['limit'] === 'number')
    return meter(value, row['limit']);
  if (typeof value !== 'number') return String(value);
  return name.endsWith('Ms') ? (value > 0 ? duration(value) : '–') : count(value);
};

/** What plugins say of themselves, one table each. @param {Known} known */
export const drawStates = ({ states = [] }) => {
  byId('states').replaceChildren(
    ...states.map(({ plugin, rows }) => {
      const names = [
        ...new Set(rows.flatMap((row) => Object.keys(row).filter((name) => row[name] !== undefined))),
      ];
      const metered = rows.some((row) => row['used'] !== undefined && row['limit'] !== undefined);
      const shown = names.filter(
        (name) => !(metered && name === 'limit' && rows.every((row) => row['used'] !== undefined)),
      );
      const numbers = shown.flatMap((name, i) =>
        rows.every((row) => typeof (row[name] ?? 0) === 'number') && name !== 'used' ? [i] : [],
      );
      const body =
        rows.length === 1 && numbers.length === shown.length
          ? facts(shown.map((name) => [headOf(name), cellOf(rows[0] ?? {}, name)]))
          : table(
              shown.map(headOf),
              rows.map((row) => shown.map((name) => cellOf(row, name))),
              numbers,
            );
      return html(
        'section',
        { class: 'panel' },
        html('h2', {}, html('span', { class: 'mono' }, plugin)),
        html('div', { class: 'scroll' }, body),
      );
    }),
  );
};

/** @param {[string, Cell][]} list */
const facts = (list) =>
  html(
    'dl',
    { class: 'facts' },
    ...list.map(([name, value]) =>
      html('div', {}, html('dt', { class: 'soft' }, name), html('dd', {}, value)),
    ),
  );

/** How a plugin was set up. @param {Known} known @param {string | undefined} picked */
export const drawDetail = ({ pipeline }, picked) => {
  const plugin = pipeline?.plugins.find(({ name }) => name === picked);
  const detail = byId('detail');
  detail.hidden = plugin === undefined;
  if (plugin === undefined) return;
  const w = words();
  const { name, onError, needs, options } = plugin;
  const services = needs.map((need) => {
    const source = pipeline?.services.find((service) => service.name === need)?.source;
    return source === undefined || source === 'embedded' ? need : `${need} (${source})`;
  });
  detail.replaceChildren(
    html('h2', {}, html('span', { class: 'mono' }, name)),
    html(
      'p',
      { class: 'hint' },
      [w[onError], services.length > 0 ? `${w.services}: ${services.join(', ')}` : '']
        .filter(Boolean)
        .join(' · '),
    ),
    options.length === 0
      ? html('p', { class: 'empty' }, w.noOptions)
      : facts(options.map(([option, value]) => [option, value])),
  );
};
