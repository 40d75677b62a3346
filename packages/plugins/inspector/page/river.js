import { byId, html, svg, toneOf } from './dom.js';
import { count, duration, sum } from './numbers.js';
import { translated, words } from './words.js';

/** @typedef {import('./known.d.ts').Known} Known */
/** @typedef {import('./known.d.ts').Endpoint} Endpoint */

const WIDE = 760;
/** How broad it is before the first call. */
const DRY = 5;
/** How broad the river is when all calls are in it. */
const RIVER = 44;

/** Paths that calls take, by where they end: `plugin:x` or `endpoint:y`. @type {Map<string, SVGPathElement>} */
export const courses = new Map();
/** How far along a course each plugin stands. @type {Map<string, number>} */
export const gates = new Map();

const BAD = /^(?:open|ejected|isolated|quarantined|failed|down)$/;
const MIDDLING = /^(?:half-open|resting|cooling|draining)$/;
const GOOD = /^(?:closed|available|active|up|ok)$/;

/** @param {unknown} state */
export const toneOfState = (state) => {
  const text = String(state);
  return BAD.test(text) ? 'bad' : MIDDLING.test(text) ? 'warn' : GOOD.test(text) ? 'good' : '';
};

/** Endpoints that a plugin tells of, that were used, or the one upstream. @param {Known} known @returns {Endpoint[]} */
export const endpointsOf = ({ pipeline, states = [], endpoints }) => {
  const told = states.flatMap(({ rows }) =>
    rows.filter((row) => row['endpoint'] !== undefined && row['state'] !== undefined),
  );
  const routed = told.filter((row) => row['region'] !== undefined).map((row) => String(row['endpoint']));
  const used = endpoints?.rows.map(([id]) => id) ?? [];
  const ids = routed.length > 0 ? routed : used.filter((id) => id !== '').length > 0 ? used : [''];
  return [...new Set(ids)].slice(0, 8).map((id) => {
    const rows = told.filter((row) => row['endpoint'] === id || id === '');
    const order = ['good', 'warn', 'bad'];
    const worst = rows.toSorted(
      (a, b) => order.indexOf(toneOfState(b['state'])) - order.indexOf(toneOfState(a['state'])),
    )[0];
    const [calls = 0, failed = 0, first = 0, firstMs = 0] =
      endpoints?.rows.find(([name]) => name === id)?.[1] ?? [];
    const tone = worst
      ? toneOfState(worst['state'])
      : calls > 0
        ? failed / calls > 0.5
          ? 'bad'
          : 'good'
        : '';
    return {
      id,
      label: id === '' ? (pipeline?.upstream ?? '') : id,
      region: String(rows.find((row) => row['region'] !== undefined)?.['region'] ?? ''),
      tone,
      state: worst === undefined ? '' : String(worst['state']),
      calls,
      firstMs: first > 0 ? firstMs / first : undefined,
    };
  });
};

/** What was answered at each plugin: by how many, and mostly how.
 * @param {Known} known */
const divertedAt = ({ pipeline, answers = {} }) => {
  const names = pipeline?.plugins.map(({ name }) => name) ?? [];
  /** @type {Map<string, [kind: string, n: number][]>} */
  const diverted = new Map();
  for (const [key, n] of Object.entries(answers)) {
    const [kind = '', plugin] = key.split(/:(.*)/s);
    if (plugin === undefined) continue;
    // A name that no plugin has: one that was renamed, or core. It is drawn at the last gate.
    const at = names.includes(plugin)
      ? plugin
      : (names.find((name) => name.includes(plugin)) ?? names.at(-1) ?? '');
    diverted.set(at, [...(diverted.get(at) ?? []), [kind, n]]);
  }
  return diverted;
};

/** Draws pipeline, bands and endpoints.
 * @param {Known} known
 * @param {string | undefined} picked
 * @param {(name: string) => void} onPick */
export const drawRiver = (known, picked, onPick) => {
  const plugins = known.pipeline?.plugins ?? [];
  if (plugins.length === 0) return;
  const endpoints = endpointsOf(known);
  const box = byId('river');
  const width = box.clientWidth;
  const wide = width >= WIDE;
  const total = sum(Object.values(known.answers ?? {}));
  const diverted = divertedAt(known);
  /** Width of a band. @param {number} n */
  const broad = (n) => (n > 0 ? Math.max(1.5, (RIVER * n) / total) : 0);
  const opacity = total > 0 ? 0.36 : 0.16;

  const fan = wide ? 110 : 18;
  const begin = wide ? 78 : 52;
  const step = wide ? (width - begin - fan - 170) / plugins.length : 42;
  const end = begin + step * plugins.length + 4;
  const edge = wide ? Math.max(58, (endpoints.length * 44) / 2 - 18) : 84;
  const bottom = edge + RIVER + (wide ? 34 : 24);
  const middle = edge + RIVER / 2;
  const spread = 44;
  const height = wide
    ? Math.max(bottom + 26, middle + (endpoints.length * spread) / 2 + 4)
    : end + endpoints.length * spread + 14;
  /** Along and across the river become x and y. What leaves it goes down, or to the left. @param {number} a @param {number} c */
  const at = (a, c) =>
    wide ? `${a.toFixed(1)} ${c.toFixed(1)}` : `${(2 * middle - c).toFixed(1)} ${a.toFixed(1)}`;

  const water = byId('water');
  water.setAttribute('viewBox', `0 0 ${width} ${height}`);
  water.setAttribute('height', String(height));
  const bands = svg('g', { fill: 'none' });
  const lines = svg('g');
  const ways = svg('g', { fill: 'none' });
  courses.clear();
  gates.clear();

  /** @param {string} d @param {string} tone @param {number} thick @param {number} opacity */
  const band = (d, tone, thick, opacity) =>
    bands.append(svg('path', { d, stroke: tone, 'stroke-width': thick.toFixed(1), opacity }));
  /** @param {string} key @param {string} d */
  const course = (key, d) => {
    const path = svg('path', { d });
    ways.append(path);
    courses.set(key, path);
  };

  let left = total;
  /** What is still in the river. @param {number} a @param {number} b */
  const main = (a, b) => {
    const thick = total > 0 ? broad(left) : DRY;
    if (thick > 0)
      band(`M${at(a, edge + thick / 2)}L${at(b, edge + thick / 2)}`, toneOf('served'), thick, opacity);
  };
  let from = begin - 24;
  const stations = plugins.map(({ name }, i) => {
    const a = begin + step * (i + 0.5);
    const parts = diverted.get(name) ?? [];
    // What leaves turns off before the gate.
    const turn = 30;
    main(from, a - turn);
    for (const [kind, n] of parts) {
      const thick = broad(n);
      const c = edge + broad(left) - thick / 2;
      left -= n;
      band(
        `M${at(a - turn - 0.5, c)}C${at(a - 6, c)} ${at(a, c + 4)} ${at(a, bottom)}`,
        toneOf(kind),
        thick,
        0.8,
      );
    }
    const half = RIVER / 2 + 7;
    lines.append(
      svg('path', {
        class: name === picked ? 'gate on' : 'gate',
        d: `M${at(a, middle - half)}L${at(a, middle + half)}`,
      }),
    );
    course(
      `plugin:${name}`,
      `M${at(begin - 24, middle)}L${at(a - 30, middle)}C${at(a - 6, middle)} ${at(a, middle)} ${at(a, bottom - 8)}`,
    );
    gates.set(name, a - begin + 24);
    from = a - turn;

    const button = html(
      'button',
      { type: 'button', class: 'name', 'aria-expanded': String(name === picked) },
      name,
    );
    button.addEventListener('click', () => onPick(name));
    const item = html('li', {}, button);
    button.title = name;
    item.style.maxWidth = `${wide ? (step < 124 ? 2 * step : step) : width - 152}px`;
    item.style.left = `${wide ? a : 152}px`;
    item.style.top = `${wide ? edge - (step < 124 && i % 2 === 0 ? 56 : 34) : a}px`;
    if (parts.length > 0) {
      const [kind] = parts.toSorted(([, x], [, y]) => y - x)[0] ?? [''];
      const many = sum(parts.map(([, n]) => n));
      const said = parts.map(([k, n]) => `${wordOf(k)} ${n}`).join(', ');
      const label = html(
        'span',
        { class: 'count', title: said, role: 'img', 'aria-label': said },
        count(many),
      );
      label.style.setProperty('--tone', toneOf(kind));
      label.style.top = wide ? `${bottom - edge + (step < 124 && i % 2 === 0 ? 56 : 34) + 6}px` : '';
      item.append(label);
    }
    return item;
  });

  main(from, end);
  const rest = total > 0 ? broad(left) : DRY;
  const sent = sum(endpoints.map(({ calls }) => calls));
  let used = 0;
  const ends = endpoints.map(({ id, label, region, tone, state, calls, firstMs }, i) => {
    const thick = sent > 0 ? Math.max(calls > 0 ? 1.5 : 0, (rest * calls) / sent) : DRY / endpoints.length;
    const start = edge + used + thick / 2;
    used += thick;
    const across = wide ? middle + (i - (endpoints.length - 1) / 2) * spread : end + 22 + i * spread;
    const toneName = tone === 'bad' ? 'failed' : 'served';
    /** @param {number} c */
    const way = (c) =>
      wide
        ? `C${at(end + fan * 0.5, c)} ${at(end + fan * 0.4, across)} ${at(end + fan, across)}`
        : `L${at(across - 16, c)}C${at(across - 4, c)} ${at(across, c)} ${at(across, 2 * middle - 140)}`;
    if (thick > 0) band(`M${at(end, start)}${way(start)}`, toneOf(toneName), thick, sent > 0 ? 0.36 : 0.16);
    if (calls === 0)
      lines.append(
        svg('path', { class: 'bed', d: `M${at(end, start)}${way(start)}`, 'stroke-dasharray': '2 4' }),
      );
    course(`endpoint:${id}`, `M${at(begin - 24, middle)}L${at(end, middle)}${way(middle)}`);
    const facts = [region, calls > 0 ? count(calls) : '', firstMs === undefined ? '' : duration(firstMs)];
    const item = html(
      'li',
      { class: 'end' },
      html(
        'span',
        { class: `name state ${tone}` },
        label,
        tone === 'bad' || tone === 'warn' ? ` · ${translated(state)}` : '',
      ),
      html('br'),
      html('small', {}, facts.filter((fact) => fact !== '').join(' · ')),
    );
    item.style.maxWidth = `${wide ? 160 : width - 152}px`;
    item.style.left = `${wide ? end + fan + 10 : 152}px`;
    item.style.top = `${across}px`;
    return item;
  });

  const source = html('li', { class: 'end soft' }, words().callers);
  source.style.left = wide ? '0px' : '84px';
  source.style.top = `${wide ? middle : 12}px`;
  byId('stations').className = wide ? '' : 'narrow';
  place([source, ...stations, ...ends]);
  const dots = water.querySelector('.dots') ?? svg('g', { class: 'dots' });
  water.replaceChildren(bands, lines, ways, dots);
};

/** Puts the labels where they belong. Buttons stay the same while the pipeline does, or focus would be lost with them.
 * @param {HTMLElement[]} items */
const place = (items) => {
  const list = byId('stations');
  const buttons = items.map((item) => item.querySelector('button'));
  const before = [...list.querySelectorAll('button')];
  const after = buttons.filter((button) => button !== null);
  const same =
    before.length === after.length && before.every((one, i) => one.textContent === after[i]?.textContent);
  if (same && list.children.length === items.length) {
    for (const [i, item] of items.entries()) {
      const old = /** @type {HTMLElement} */ (list.children[i]);
      const button = old.querySelector('button');
      old.style.cssText = item.style.cssText;
      button?.setAttribute('aria-expanded', buttons[i]?.getAttribute('aria-expanded') ?? 'false');
      for (const node of Array.from(old.childNodes).filter((one) => one !== button)) node.remove();
      old.append(...[...item.childNodes].filter((node) => node !== buttons[i]));
    }
  } else {
    list.replaceChildren(...items);
  }
};

/** @param {string} kind */
export const wordOf = (kind) => {
  const known = /** @type {Record<string, unknown>} */ (words())[kind];
  return typeof known === 'string' ? known : kind;
};
