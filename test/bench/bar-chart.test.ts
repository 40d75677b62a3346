import { describe, expect, it } from 'vitest';
import { drawBars } from './bar-chart.ts';

const CHART = {
  title: 'Speed <fast>',
  subtitle: 'a & b',
  digits: 1,
  mark: 5,
  groups: [
    {
      heading: 'JSON',
      bars: [
        { label: 'ours', value: 10, own: true },
        { label: 'theirs', value: 2.5, own: false },
      ],
    },
  ],
};
const svg = drawBars(CHART);

describe('drawBars', () => {
  it('draws bars as long as their values, and marks one', () => {
    const widths = Array.from(svg.matchAll(/<rect class="(own|other)" x="150" y="\d+" width="([\d.]+)"/g));
    expect(widths.map(([, kind, width]) => [kind, Number(width)])).toEqual([
      ['own', 420],
      ['other', 105],
    ]);
    expect(svg).toContain('x1="360.0"');
  });

  it('keeps everything inside the picture', () => {
    const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg) ?? [];
    for (const [, x] of svg.matchAll(/ x\d?="([\d.]+)"/g)) expect(Number(x)).toBeLessThan(Number(width));
    for (const [, y] of svg.matchAll(/ y\d?="([\d.]+)"/g)) expect(Number(y)).toBeLessThan(Number(height));
  });

  it('writes no number across the mark', () => {
    const bars = [{ label: 'near', value: 4.8, own: true }, ...(CHART.groups[0]?.bars ?? [])];
    const drawn = drawBars({ ...CHART, groups: [{ heading: 'JSON', bars }] });
    expect(drawn).toContain('<text x="366.0" y="87">4.8</text>');
  });

  it('follows light and dark, and says in words what it shows', () => {
    expect(svg).toContain('prefers-color-scheme:dark');
    expect(svg).toContain('aria-label="Speed &lt;fast>: JSON: ours 10.0, theirs 2.5"');
    expect(svg).toContain('>a &amp; b<');
  });

  it('draws nothing longer than nothing', () => {
    const none = {
      ...CHART,
      mark: 0,
      groups: [{ heading: 'x', bars: [{ label: 'y', value: 0, own: true }] }],
    };
    expect(drawBars(none)).toContain('width="0.0"');
    expect(drawBars(none)).not.toContain('NaN');
  });
});
