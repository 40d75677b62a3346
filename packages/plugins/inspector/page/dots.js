import { byId, svg, toneOf } from './dom.js';
import { courses, gates } from './river.js';

/** @typedef {import('./known.d.ts').LiveCall} LiveCall */
/** @typedef {import('./known.d.ts').Ended} Ended */
/** @typedef {{ circle: SVGCircleElement, key: string, from: number, to: number, since: number, ending: boolean, id: number }} Dot */

const MAX_DOTS = 60;
const TRAVEL_MS = 900;

/** @type {Map<number, Dot>} */
const dots = new Map();
const still = matchMedia('(prefers-reduced-motion: reduce)');
let running = false;

/** The length of a course. @param {string} key */
const lengthOf = (key) => courses.get(key)?.getTotalLength() ?? 0;

/** Somewhere beside the middle, the same for the same call. @param {number} id @param {number} width */
const aside = (id, width) => (((id * 0.618) % 1) - 0.5) * width;

/** How far a dot has come. @param {Dot} dot @param {number} now */
const reached = ({ from, to, since }, now) => {
  const t = still.matches ? 1 : Math.min(1, (now - since) / TRAVEL_MS);
  return from + (to - from) * (t < 0.5 ? 2 * t * t : 1 - 2 * (1 - t) * (1 - t));
};

/** @param {number} now */
const frame = (now) => {
  let moving = false;
  for (const [id, dot] of dots) {
    const path = courses.get(dot.key);
    const t = (now - dot.since) / TRAVEL_MS;
    if (path === undefined || (dot.ending && (still.matches || t > 1.4))) {
      dot.circle.remove();
      dots.delete(id);
      continue;
    }
    const at = path.getPointAtLength(reached(dot, now));
    const waits = !dot.ending && t >= 1;
    dot.circle.setAttribute('cx', String(at.x + (waits ? aside(id * 7, 34) : aside(id * 7, 6))));
    dot.circle.setAttribute('cy', String(at.y + aside(id, 20)));
    dot.circle.setAttribute('opacity', String(dot.ending ? Math.max(0, Math.min(1, 3.5 - 2.5 * t)) : 1));
    moving ||= t < 1.5;
  }
  running = moving;
  if (moving) requestAnimationFrame(frame);
};

const run = () => {
  if (!running) requestAnimationFrame(frame);
  running = true;
};

/** Sends a dot along a course, from where it is. @param {number} id @param {string} key @param {number} to @param {string} tone */
const send = (id, key, to, tone) => {
  const now = performance.now();
  let dot = dots.get(id);
  if (dot === undefined) {
    if (dots.size >= MAX_DOTS) return undefined;
    const circle = svg('circle', { class: 'dot', r: 4 });
    document.querySelector('#water .dots')?.append(circle);
    dot = { circle, key, from: 0, to, since: now, ending: false, id };
    dots.set(id, dot);
  } else if (dot.key !== key || Math.abs(dot.to - to) > 1) {
    dot.from = Math.min(reached(dot, now), lengthOf(key));
    Object.assign(dot, { key, to, since: now });
  }
  dot.circle.style.fill = tone;
  return dot;
};

/** Calls in progress stand where they are. @param {LiveCall[]} calls */
export const showLive = (calls) => {
  const [first = ''] = [...courses.keys()].filter((key) => key.startsWith('endpoint:'));
  const [outermost = 0] = gates.values();
  for (const { id, endpoint, missed } of calls) {
    const key = endpoint === undefined ? first : `endpoint:${endpoint}`;
    const to =
      endpoint === undefined
        ? ((missed ? gates.get('cache') : undefined) ?? outermost) + 16
        : lengthOf(key) - 20;
    send(id, courses.has(key) ? key : first, to, '');
  }
  const alive = new Set(calls.map(({ id }) => id));
  for (const [id, dot] of dots)
    if (!dot.ending && !alive.has(id))
      Object.assign(dot, { ending: true, since: performance.now() - TRAVEL_MS });
  run();
};

/** Calls that have ended go where they were answered, and fade. @param {Ended[]} ended */
export const showEnded = (ended) => {
  for (const { id, kind, plugin, endpoint } of ended) {
    if (still.matches && !dots.has(id)) continue;
    const wanted = plugin === undefined ? `endpoint:${endpoint ?? ''}` : `plugin:${plugin}`;
    const key = courses.has(wanted)
      ? wanted
      : ([...courses.keys()].find((one) => one.includes(plugin ?? 'endpoint:')) ?? '');
    const dot = send(id, key, lengthOf(key), toneOf(kind));
    if (dot !== undefined) dot.ending = true;
  }
  run();
};

/** New courses after a resize: dots stay where they were. */
export const reattach = () => {
  const group = document.querySelector('#water .dots');
  for (const { circle } of dots.values()) group?.append(circle);
  if (byId('river').clientWidth > 0) run();
};
