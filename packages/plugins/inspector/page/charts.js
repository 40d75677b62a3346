import { byId, html, svg, toneOf } from './dom.js';
import { count, duration, rate, sum } from './numbers.js';
import { wordOf } from './river.js';
import { words } from './words.js';

/** @typedef {import('./known.d.ts').Known} Known */
/** @typedef {import('./known.d.ts').Times} Times */

/** A number at or above the highest, that reads well. @param {number} n */
const roundUp = (n) => {
  const size = 10 ** Math.floor(Math.log10(Math.max(1, n)));
  return ([1, 2, 4, 5, 10].find((step) => step * size >= n) ?? 10) * size;
};

/** Calls per second, stacked by how they ended; five seconds to a bar. @param {Known} known */
export const drawTraffic = ({ seconds }) => {
  const chart = byId('traffic');
  const { width, height } = chart.getBoundingClientRect();
  if (seconds === undefined || width === 0) return;
  const { columns, rows } = seconds;
  // Bars end at whole five seconds, or they would flicker as time goes on.
  const shift = (seconds.now + 1) % 5;
  const bars = Array.from({ length: 60 }, (_, i) => {
    const to = rows.length - shift - (58 - i) * 5;
    const part = rows.slice(Math.max(0, to - 5), Math.max(0, to));
    const over = i === 59 ? Math.max(1, shift) : 5;
    return columns.map((_, column) => sum(part.map((row) => row[column] ?? 0)) / over);
  });
  const top = roundUp(Math.max(...bars.map(sum), 1));
  const base = height - 18;
  const scale = (base - 12) / top;
  const left = 30;
  const step = (width - left) / bars.length;
  const parts = bars.flatMap((bar, i) => {
    let y = base;
    return bar.flatMap((n, column) => {
      if (n <= 0) return [];
      const tall = n * scale;
      y -= tall;
      return [
        svg('rect', {
          x: (left + i * step + 0.5).toFixed(1),
          y: y.toFixed(1),
          width: Math.max(1, step - 1.5).toFixed(1),
          height: Math.max(0.8, tall).toFixed(1),
          fill: toneOf(columns[column] ?? ''),
        }),
      ];
    });
  });
  const lines = [0, 0.5, 1].flatMap((share) => {
    const y = base - share * top * scale;
    return [
      svg('path', { class: 'grid', d: `M${left} ${y.toFixed(1)}H${width}` }),
      svg('text', { x: left - 6, y: y + 4, 'text-anchor': 'end' }, rate(top * share)),
    ];
  });
  const times = [4, 2].map((minutes) =>
    svg('text', { x: left + (width - left) * (1 - minutes / 5), y: height - 3 }, `−${minutes} min`),
  );
  chart.setAttribute('viewBox', `0 0 ${width} ${height}`);
  chart.setAttribute(
    'aria-label',
    `${words().traffic}, ${words().perSecond}: ${rate(sum(bars.at(-2) ?? []))}`,
  );
  chart.replaceChildren(...lines, ...parts, ...times);
};

/** A histogram with its quantiles. @param {string} title @param {Times | undefined} times @param {string} tone */
const histogram = (title, times, tone) => {
  const { bars = [], p50, p95, p99 } = times ?? {};
  const quantiles = html(
    'dl',
    { class: 'quantiles' },
    ...Object.entries({ p50, p95, p99 }).map(([name, ms]) =>
      html('div', {}, html('dt', {}, name), html('dd', {}, duration(ms))),
    ),
  );
  const most = Math.max(...bars.map((bar) => bar.count), 1);
  const slot = 100 / Math.max(bars.length, 14);
  const begin = (100 - slot * bars.length) / 2;
  const rects = bars.map((bar, i) =>
    svg(
      'rect',
      {
        x: (begin + i * slot + slot * 0.08).toFixed(2),
        y: (90 - (bar.count / most) * 86).toFixed(2),
        width: (slot * 0.84).toFixed(2),
        height: ((bar.count / most) * 86).toFixed(2),
        fill: tone,
        opacity: p95 !== undefined && bar.fromMs >= p95 ? 0.45 : 0.9,
      },
      svg('title', {}, `${duration(bar.fromMs)} – ${duration(bar.toMs)}: ${count(bar.count)}`),
    ),
  );
  const drawing = svg(
    'svg',
    {
      class: 'chart',
      role: 'img',
      'aria-label': `${title}: p50 ${duration(p50)}, p95 ${duration(p95)}`,
      viewBox: '0 0 100 91',
      preserveAspectRatio: 'none',
    },
    svg('path', { class: 'grid', d: 'M0 90.5H100', 'vector-effect': 'non-scaling-stroke' }),
    ...rects,
  );
  const first = bars[0];
  const last = bars.at(-1);
  const axis = html(
    'div',
    { class: 'quantiles soft' },
    html('small', {}, first === undefined ? '' : duration(first.fromMs)),
    html('small', {}, last === undefined ? '' : duration(last.toMs)),
  );
  return html('div', {}, html('h3', {}, title), drawing, axis, quantiles);
};

/** Both histograms. @param {Known} known */
export const drawTimes = ({ latency, firstEvent }) => {
  byId('times').replaceChildren(
    histogram(words().whole, latency, toneOf('served')),
    histogram(words().first, firstEvent, toneOf('served')),
  );
};

/** What the colours mean. @param {Known} known */
export const drawLegend = ({ seconds }) => {
  const kinds = (seconds?.columns ?? []).map((kind) => {
    const item = html('li', {}, wordOf(kind));
    item.style.setProperty('--tone', toneOf(kind));
    return item;
  });
  byId('legend').replaceChildren(html('li', { class: 'call' }, words().aCall), ...kinds);
};

/** A line of the last five minutes, without axes. @param {number[]} values @param {string} tone */
export const sparkline = (values, tone) => {
  const most = Math.max(...values, 0.001);
  const points = values.map(
    (n, i) => `${((100 * i) / (values.length - 1)).toFixed(1)} ${(25 - (22 * n) / most).toFixed(1)}`,
  );
  return svg(
    'svg',
    { viewBox: '0 0 100 26', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    svg('path', { d: `M0 26L${points.join('L')}L100 26Z`, fill: tone, opacity: 0.22 }),
    svg('path', {
      d: `M${points.join('L')}`,
      fill: 'none',
      stroke: tone,
      'vector-effect': 'non-scaling-stroke',
    }),
  );
};
