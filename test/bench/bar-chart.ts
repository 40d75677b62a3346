/** One bar. */
export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Sluice itself, in the colour that stands out. */
  readonly own: boolean;
}

/** Bars under a heading of their own. */
export interface BarGroup {
  readonly heading: string;
  readonly bars: readonly Bar[];
}

export interface BarChart {
  readonly title: string;
  /** What the numbers are, and whether more or less of it is better. */
  readonly subtitle: string;
  readonly digits: number;
  readonly groups: readonly BarGroup[];
  /** A value that is marked by a line across the bars. Default: none. */
  readonly mark?: number;
}

const WIDTH = 640;
const LABEL_WIDTH = 150;
const VALUE_WIDTH = 70;
const BAR_WIDTH = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
const ROW = 22;
const BAR = 14;
const TOP = 50;
const HEADING = 26;

// Seen as an image in a page, it follows the reader's system.
const STYLE =
  'text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-size:15px;font-weight:600}.sub{fill:#59636e}' +
  '.h{font-weight:600}.own{fill:#0969da}.other{fill:#9aa4af}.mark{stroke:#1f2328;stroke-dasharray:3 3}' +
  '@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.sub{fill:#9198a1}.own{fill:#4493f8}.other{fill:#656c76}' +
  '.mark{stroke:#f0f6fc}}';

/** Draws horizontal bars as SVG, readable on light and dark grounds. */
export function drawBars({ title, subtitle, digits, groups, mark }: BarChart): string {
  const bars = groups.flatMap((group) => group.bars);
  const most = Math.max(0, ...bars.map(({ value }) => value), mark ?? 0);
  const scale = (value: number): number => (most === 0 ? 0 : (Math.max(0, value) / most) * BAR_WIDTH);
  const parts: string[] = [];
  let y = TOP;
  for (const { heading, bars } of groups) {
    parts.push(`<text class="h" x="0" y="${y + 16}">${escape(heading)}</text>`);
    y += HEADING;
    const end = y + bars.length * ROW;
    for (const { label, value, own } of bars) {
      const width = scale(value).toFixed(1);
      const text = y + 11;
      const number = LABEL_WIDTH + numberAt(scale(value), mark === undefined ? undefined : scale(mark)) + 6;
      parts.push(
        `<text x="${LABEL_WIDTH - 8}" y="${text}" text-anchor="end">${escape(label)}</text>`,
        `<rect class="${own ? 'own' : 'other'}" x="${LABEL_WIDTH}" y="${y}" width="${width}" height="${BAR}" rx="2"/>`,
        `<text x="${number.toFixed(1)}" y="${text}">${value.toFixed(digits)}</text>`,
      );
      y += ROW;
    }
    if (mark !== undefined) {
      const x = (LABEL_WIDTH + scale(mark)).toFixed(1);
      parts.push(
        `<line class="mark" x1="${x}" y1="${end - bars.length * ROW - 4}" x2="${x}" y2="${end - 4}"/>`,
      );
    }
    y += 8;
  }
  const alt = `${title}: ${groups
    .map(
      ({ heading, bars }) =>
        `${heading}: ${bars.map((bar) => `${bar.label} ${bar.value.toFixed(digits)}`).join(', ')}`,
    )
    .join('; ')}`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" role="img" ` +
    `aria-label="${escape(alt)}"><style>${STYLE}</style>\n` +
    `<text class="title" x="0" y="16">${escape(title)}</text>\n<text class="sub" x="0" y="36">${escape(subtitle)}</text>\n` +
    `${parts.join('\n')}\n</svg>\n`
  );
}

/** Where the number behind a bar begins: behind the mark too, when the mark would cross it. */
function numberAt(end: number, mark: number | undefined): number {
  return mark !== undefined && mark > end && mark < end + VALUE_WIDTH / 2 ? mark : end;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
