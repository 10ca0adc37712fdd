/** The lanes of the picture, each as high as it needs. */

import { type ListedChain } from '../../engine/repository/catalog.ts';
import { type Span } from '../../engine/repository/coverage.ts';
import { formatCount, formatDuration, formatTime } from '../text.ts';
import { type Bin, type Bins } from './bins.ts';
import { html, type Html } from './html.ts';
import { bar, mark, percent, type Mark } from './marks.ts';
import { isUnfinished, type ShownSurvey } from './shown-survey.ts';
import { type TimeAxis } from './time-axis.ts';

/** Something of the picture below what is there so far. */
export interface Lane {
  /** In pixels. */
  readonly height: number;
  draw(top: number): Html;
}

const labelHeight = 16;

/** What is shorter is drawn as long, in percent. */
const shortest = 0.15;

/** A lane with its label above it. */
export function labelled(label: string, height: number, draw: (top: number) => Html | readonly Html[]): Lane {
  return {
    height: labelHeight + height,
    draw: (top) => html`<text class="label" x="0" y="${top + 11}">${label}</text>${draw(top + labelHeight)}`,
  };
}

/** Which moments can be restored from any chain, which cannot, and what came after the last backup. */
export function coverageLane({ covered, gaps, catalog: { chains } }: ShownSurvey, axis: TimeAxis): Lane {
  const end = covered.at(-1)?.until;
  if (end === undefined) return labelled(whyNotCovered(chains), 8, () => []);
  const since = end < axis.now ? [{ from: end, until: axis.now }] : [];
  return labelled('Can be restored to any moment of', 30, (top) => [
    ...spanBars(since, axis, top, 'since', 'since the last backup'),
    ...spanBars(covered, axis, top, 'covered', 'restorable'),
    ...spanBars(gaps, axis, top, 'gap', 'a gap, not restorable'),
  ]);
}

/** No more than can be told apart: of those that begin at one place, one. */
function spanBars(spans: readonly Span[], axis: TimeAxis, top: number, style: string, what: string): Html[] {
  const byPlace = new Map(spans.map((span) => [Math.floor(axis.at(span.from) / shortest), span]));
  return [...byPlace.values()].map(({ from, until }) => {
    const length = Math.max(axis.at(until) - axis.at(from), shortest);
    const title = `${what}: ${formatTime(new Date(from))} to ${formatTime(new Date(until))}, ${formatDuration(until - from)}`;
    return bar(length > 1 ? `${style} wide` : style, axis.at(from), axis.at(from) + length, top, 16, title);
  });
}

function whyNotCovered(chains: readonly ListedChain[]): string {
  if (chains.length === 0) return 'Nothing can be restored';
  const isWithoutLog = chains.every(({ sets }) => !sets[0]!.set.manifest.log);
  return isWithoutLog ? 'No log: each set can be restored as it was copied' : 'No sound chain with a commit';
}

/** Bars for what `valueOf` gives; the label says how much the highest stands for. */
export function barLane(
  { bins }: Bins,
  axis: TimeAxis,
  {
    label,
    style,
    valueOf,
    told,
  }: {
    readonly label: string;
    readonly style: string;
    readonly valueOf: (bin: Bin) => number;
    readonly told: (bin: Bin) => string;
  },
): Lane {
  const height = 52;
  const most = bins.reduce((highest, bin) => Math.max(highest, valueOf(bin)), 0);
  return labelled(label, height + 16, (top) => [
    html`<line class="base" x1="0" x2="100%" y1="${top + height + 0.5}" y2="${top + height + 0.5}" />`,
    ...bins
      .filter((bin) => valueOf(bin) > 0)
      .map((bin) => {
        // Something is never nothing.
        const high = Math.max(1.5, (valueOf(bin) / most) * height);
        const [from, until] = [axis.at(bin.from), axis.at(Math.min(bin.until, axis.now))];
        return html`<rect
          class="${style}"
          x="${percent(from)}"
          width="${percent((until - from) * 0.86)}"
          y="${Number((top + height - high).toFixed(1))}"
          height="${Number(high.toFixed(1))}"
          ><title>${`${formatTime(new Date(bin.from))}: ${told(bin)}`}</title></rect
        >`;
      }),
  ]);
}

/** When sets were last verified, and recoveries last rehearsed. */
export function checksLane({ catalog: { chains } }: ShownSurvey, axis: TimeAxis): Lane {
  const marks = new Map<number, { readonly name: Mark; readonly at: number; readonly text: string }>();
  const note = (time: string, name: Mark, text: string): void => {
    const column = Math.floor(axis.at(Date.parse(time)) / 2);
    const ranks: readonly Mark[] = ['verified', 'rehearsed', 'finding'];
    const before = marks.get(column);
    if (!before || ranks.indexOf(before.name) < ranks.indexOf(name))
      marks.set(column, { name, at: axis.at(Date.parse(time)), text: `${text}, ${formatTime(time)}` });
  };
  for (const { set, lastCheck, lastRehearsal } of chains.flatMap(({ sets }) => sets)) {
    if (lastCheck) {
      const isBad = lastCheck.findings > 0;
      note(
        lastCheck.time,
        isBad ? 'finding' : 'verified',
        isBad ? `${formatCount(lastCheck.findings, 'finding')} in ${set.id}` : `${set.id} verified`,
      );
    }
    if (lastRehearsal) note(lastRehearsal.time, 'rehearsed', `recovery of ${set.id} rehearsed`);
  }
  const label = marks.size === 0 ? 'Never verified, no recovery rehearsed' : 'Last verified, recovery last rehearsed';
  return labelled(label, marks.size === 0 ? 8 : 28, (top) =>
    [...marks.values()].map(({ name, at, text }) => mark(name, percent(at), top + 8, text)),
  );
}

/** What is no set of a chain, at the time that its name tells. */
export function unusableLane({ unusable }: ShownSurvey, axis: TimeAxis): Lane[] {
  if (unusable.length === 0) return [];
  // Where two are at one place, what is wrong shows.
  const ordered = [...unusable.filter(isUnfinished), ...unusable.filter((entry) => !isUnfinished(entry))];
  const marks = new Map(ordered.map((entry) => [Math.round(2 * axis.at(entry.time)), entry]));
  return [
    labelled('Not usable as sets', 26, (top) =>
      [...marks].map(([column, entry]) => {
        const { id, state, problem } = entry;
        const title = `${id} is ${state}: ${problem}`;
        return mark(isUnfinished(entry) ? 'unfinished' : 'finding', percent(column / 2), top + 8, title);
      }),
    ),
  ];
}
