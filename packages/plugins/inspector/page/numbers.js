import { words } from './words.js';

/** A count, short: 950, 1.2k, 34k, 5.6M. @param {number} n */
export const count = (n) => {
  if (n < 1_000) return String(Math.round(n));
  const [unit, size] = n < 999_500 ? ['k', 1e3] : n < 999_500_000 ? ['M', 1e6] : ['G', 1e9];
  const value = n / Number(size);
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)}${unit}`;
};

/** A duration, short: 0.4 ms, 85 ms, 1.2 s, 14 s, 3 min. @param {number | undefined} ms */
export const duration = (ms) => {
  if (ms === undefined) return '–';
  if (ms === 0) return '0';
  if (ms < 1) return `${ms.toFixed(1)}\u00a0ms`;
  if (ms < 999.5) return `${Math.round(ms)}\u00a0ms`;
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)}\u00a0s`;
  if (ms < 119_500) return `${Math.round(ms / 1_000)}\u00a0s`;
  return ms < 7_170_000 ? `${Math.round(ms / 60_000)}\u00a0min` : `${Math.round(ms / 3_600_000)}\u00a0h`;
};

/** A share, short: 0 %, 0.4 %, 37 %. @param {number} part @param {number} whole */
export const share = (part, whole) => {
  const percent = whole > 0 ? (100 * part) / whole : 0;
  return `${percent > 0 && percent < 9.95 ? percent.toFixed(1) : Math.round(percent)}\u00a0%`;
};

/** A rate, short. @param {number} n */
export const rate = (n) => (n > 0 && n < 9.95 ? n.toFixed(1) : count(n));

/** Time of day of a wall time. @param {number} at */
export const clock = (at) =>
  new Date(at).toLocaleTimeString(words().calls === 'calls' ? 'en-GB' : 'zh-CN', { hour12: false });

/** @param {readonly number[]} list */
export const sum = (list) => list.reduce((all, n) => all + n, 0);
