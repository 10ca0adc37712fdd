/** The picture of a repository over time. */

import { formatBytes, formatCount, formatDuration, formatTime } from '../text.ts';
import { spanOf } from '../../engine/repository/coverage.ts';
import { binsOf, isAhead, madeAt } from './bins.ts';
import { chainLanes } from './chain-lanes.ts';
import { html, type Html } from './html.ts';
import { barLane, checksLane, coverageLane, unusableLane, type Lane } from './lanes.ts';
import { legendBar, legendMark, percent } from './marks.ts';
import { isUnfinished, isWrong, type ShownSurvey } from './shown-survey.ts';
import { TimeAxis } from './time-axis.ts';

const mostBins = 90;
const mostTicks = 10;
const axisHeight = 24;

/** The line of time of a repository: everything that is dated has its place on it. */
export function axisOf({ catalog: { chains, orphans }, unusable, now }: ShownSurvey): TimeAxis {
  const moments = [
    ...chains.flatMap((chain) => spanOf(chain)?.from ?? []),
    ...[...chains.flatMap(({ sets }) => sets), ...orphans].map(madeAt),
    ...unusable.map(({ time }) => time),
  ];
  return new TimeAxis(moments, now);
}

/** @param id for the names of the parts of this picture */
export function timeline(survey: ShownSurvey, axis: TimeAxis, id: string): Html {
  const bins = binsOf(survey.catalog, axis, mostBins);
  const each = formatDuration(bins.step);
  const commits = bins.bins.reduce((most, bin) => Math.max(most, bin.commits), 0);
  const { stored } = bins.bins.at(-1)!;
  const lanes: readonly Lane[] = [
    coverageLane(survey, axis),
    ...chainLanes(survey, axis),
    ...unusableLane(survey, axis),
    checksLane(survey, axis),
    ...(commits === 0
      ? []
      : [
          barLane(bins, axis, {
            label: `Commits, at most ${Math.ceil(commits).toLocaleString('en-US')} in ${each}`,
            style: 'commits',
            valueOf: (bin) => bin.commits,
            told: (bin) => aboutCommits(bin.commits),
          }),
        ]),
    ...(stored === 0
      ? []
      : [
          barLane(bins, axis, {
            label: `Size of the sets that are there, ${formatBytes(stored)} now`,
            style: 'stored',
            valueOf: (bin) => bin.stored,
            told: (bin) => formatBytes(bin.stored),
          }),
        ]),
  ];
  const height = lanes.reduce((sum, lane) => sum + lane.height, 0);
  const ticks = axis.ticks(mostTicks);
  let top = 0;
  return html`<figure class="picture">
    <svg
      class="timeline"
      role="img"
      aria-labelledby="${id}-title ${id}-description"
      width="100%"
      height="${height + axisHeight}"
    >
      <title id="${id}-title">The repository over time</title>
      <desc id="${id}-description">${describe(survey)}</desc>
      ${ticks.map(({ at }) => html`<line class="grid" x1="${percent(at)}" x2="${percent(at)}" y1="0" y2="${height}" />`)}
      <line class="now" x1="${percent(axis.at(axis.now))}" x2="${percent(axis.at(axis.now))}" y1="0" y2="${height}" />
      ${lanes.map((lane) => {
        const drawn = lane.draw(top);
        top += lane.height;
        return html`<g>${drawn}</g> `;
      })}${ticks.map(({ at, label }, i) => html`<text class="${i % 3 === 0 ? 'tick' : 'tick minor'}" x="${percent(at)}" y="${height + 16}" text-anchor="${anchorOf(at)}">${label}</text>`)}
    </svg>
    ${legend(survey)}
  </figure>`;
}

/** At either end of a narrow screen, half of a label is longer than what is left there. */
function anchorOf(at: number): string {
  return at < 12 ? 'start' : at > 88 ? 'end' : 'middle';
}

/** Of a number that was spread over time. */
function aboutCommits(commits: number): string {
  return commits > 0 && commits < 0.5 ? 'under 1 commit' : formatCount(Math.round(commits), 'commit');
}

/** What the picture shows, in words. */
function describe({ covered, gaps, catalog: { chains }, unusable, going }: ShownSurvey): string {
  const sets = chains.reduce((sum, chain) => sum + chain.sets.length, 0);
  const [first] = covered;
  const last = covered.at(-1);
  const parts = [
    `${formatCount(chains.length, 'chain')} of ${formatCount(sets, 'set')}`,
    first && last
      ? `restorable from ${formatTime(new Date(first.from))} to ${formatTime(new Date(last.until))} with ${formatCount(gaps.length, 'gap')}`
      : 'no chain that can be restored to any moment',
    ...(unusable.length > 0 ? [`${formatCount(unusable.length, 'directory', 'directories')} not usable as sets`] : []),
    ...(going.size > 0 ? [`expire would remove ${formatCount(going.size, 'chain')}`] : []),
  ];
  return `${parts.join('; ')}. The tables below say the same in words.`;
}

/** Of the marks that the picture has. */
function legend({ gaps, covered, catalog: { chains }, unusable, going, now }: ShownSurvey): Html {
  const sets = chains.flatMap((chain) => chain.sets);
  const has = (kind: string): boolean => sets.some(({ set }) => set.manifest.kind === kind);
  const entries: readonly (readonly [isShown: boolean, swatch: Html, text: string])[] = [
    [covered.length > 0, legendBar('covered'), 'restorable to any moment'],
    [gaps.length > 0, legendBar('gap wide'), 'a gap: not restorable'],
    [(covered.at(-1)?.until ?? now) < now, legendBar('since wide'), 'since the last backup'],
    [has('hot') || has('offline'), legendMark('full'), 'full set'],
    [has('consolidated'), legendMark('consolidated'), 'consolidated set'],
    [has('incremental'), legendMark('incremental'), 'incremental set'],
    [sets.some(({ lastCheck }) => lastCheck), legendMark('verified'), 'verified'],
    [sets.some(({ lastRehearsal }) => lastRehearsal), legendMark('rehearsed'), 'recovery rehearsed'],
    [sets.some(isWrong) || !unusable.every(isUnfinished), legendMark('finding'), 'something is wrong'],
    [unusable.some(isUnfinished), legendMark('unfinished'), 'unfinished'],
    [sets.some((listed) => isAhead(listed, now)), legendMark('future'), 'dated in the future'],
    [going.size > 0, covered.length > 0 ? legendBar('chain going') : legendMark('leaving'), 'expire would remove it'],
  ];
  const shown = entries.filter(([isShown]) => isShown);
  return html`<figcaption>
    <ul class="legend">
      ${shown.map(([, swatch, text]) => html`<li>${swatch}${text}</li>`)}
      <li>times are UTC</li>
    </ul>
  </figcaption>`;
}
