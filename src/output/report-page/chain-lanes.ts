/** The chains of a repository in the picture: how far each reaches, and its sets. */

import { type ListedChain, type ListedSet } from '../../engine/repository/catalog.ts';
import { spanOf, type Span } from '../../engine/repository/coverage.ts';
import { isSound } from '../../engine/repository/retention.ts';
import { formatBytes, formatCount, formatTime } from '../text.ts';
import { isAhead, madeAt } from './bins.ts';
import { html, type Html } from './html.ts';
import { labelled, type Lane } from './lanes.ts';
import { bar, mark, percent, type Mark } from './marks.ts';
import { isWrong, type ShownSurvey } from './shown-survey.ts';
import { dayOf, type TimeAxis } from './time-axis.ts';

/** More chains than this share rows, without labels; so do chains that are single moments. */
const mostRows = 10;
const mostSharedRows = 8;

/** A row for each chain; where there are many, chains that do not overlap share one. */
export function chainLanes(survey: ShownSurvey, axis: TimeAxis): Lane[] {
  const { chains } = survey.catalog;
  if (chains.length <= mostRows && chains.some(spanOf)) {
    return chains.map((chain) => labelled(chainLabel(chain, survey), 24, (top) => drawChain(chain, survey, axis, top)));
  }
  const rows = shareRows(chains, survey, axis);
  if (rows.length === 0) return [];
  const going = survey.going.size > 0 ? `, ${survey.going.size} would expire` : '';
  const label = `${formatCount(chains.length, 'chain')}${going}`;
  return [
    labelled(label, rows.length * 18 + 8, (top) =>
      rows.flatMap((row, i) => row.map((chain) => drawChain(chain, survey, axis, top + i * 18))),
    ),
  ];
}

function chainLabel({ id, sets, bytes, pin }: ListedChain, survey: ShownSurvey): string {
  const { kind, started } = sets[0]!.set.manifest;
  const parts = [
    `${dayOf(Date.parse(started))}, ${kind}`,
    formatCount(sets.length, 'set'),
    formatBytes(bytes),
    ...(pin ? ['pinned'] : []),
    ...(survey.going.has(id) ? ['would expire'] : []),
  ];
  return parts.join(' · ');
}

/** First come, first served: the row that is free for longest. Of chains that would look the same at the same place, one is drawn. */
function shareRows(chains: readonly ListedChain[], survey: ShownSurvey, axis: TimeAxis): ListedChain[][] {
  const rows: { end: number; readonly chains: Map<string, ListedChain> }[] = [];
  for (const chain of chains) {
    const { from, until } = extentOf(chain, axis);
    const look = `${Math.floor(4 * from)} ${Math.floor(4 * until)} ${isSound(chain)} ${survey.going.has(chain.id)}`;
    const free = rows.find(({ end }) => end < from - 1);
    if (free || rows.length === mostSharedRows) {
      const row = free ?? rows.reduce((best, other) => (other.end < best.end ? other : best));
      row.chains.set(look, chain);
      row.end = Math.max(row.end, until);
    } else rows.push({ end: until, chains: new Map([[look, chain]]) });
  }
  return rows.map((row) => [...row.chains.values()]);
}

/** From its first to its last moment on the axis, in percent. */
function extentOf(chain: ListedChain, axis: TimeAxis): Span {
  const span = spanOf(chain);
  const moments = [...chain.sets.map(madeAt), ...(span ? [span.from, span.until] : [])].map((moment) =>
    axis.at(moment),
  );
  return {
    from: moments.reduce((least, at) => Math.min(least, at)),
    until: moments.reduce((most, at) => Math.max(most, at)),
  };
}

function drawChain(chain: ListedChain, survey: ShownSurvey, axis: TimeAxis, top: number): Html {
  const { id, sets } = chain;
  const span = spanOf(chain);
  const middle = top + 8;
  const style = `${isSound(chain) ? 'chain' : 'chain unsound'}${survey.going.has(id) ? ' going' : ''}`;
  const moments = span && `${formatTime(new Date(span.from))} to ${formatTime(new Date(span.until))}`;
  return html`${span && bar(style, axis.at(span.from), axis.at(span.until), middle - 5, 10, `${id}: ${moments}`)}${!span && survey.going.has(id) && mark('leaving', percent(axis.at(madeAt(sets[0]!))), middle)}${setMarks(sets, axis, middle)}`;
}

/** Sets that would be drawn over each other are one mark; what is wrong shows. */
function setMarks([full, ...incrementals]: readonly ListedSet[], axis: TimeAxis, y: number): Html[] {
  const marks = new Map<string, { readonly at: number; readonly name: Mark; readonly sets: ListedSet[] }>();
  for (const listed of incrementals) {
    const at = axis.at(madeAt(listed));
    const name = markOf(listed, axis);
    const key = `${name} ${Math.floor(at)}`;
    const before = marks.get(key);
    if (before) before.sets.push(listed);
    else marks.set(key, { at, name, sets: [listed] });
  }
  const drawn = [...marks.values()].map(({ at, name, sets }) => ({
    name,
    html: mark(name, percent(at), y, told(sets)),
  }));
  const isPlain = ({ name }: { readonly name: Mark }): boolean => name === 'incremental';
  const first = mark(markOf(full!, axis), percent(axis.at(madeAt(full!))), y, told([full!]));
  return [
    ...drawn.filter(isPlain).map((each) => each.html),
    first,
    ...drawn.filter((each) => !isPlain(each)).map((each) => each.html),
  ];
}

function told(sets: readonly ListedSet[]): string {
  const bytes = formatBytes(sets.reduce((sum, set) => sum + set.bytes, 0));
  return sets.length === 1
    ? `${sets[0]!.set.id}, ${bytes}`
    : `${sets.length} sets from ${sets[0]!.set.id} on, ${bytes}`;
}

function markOf(listed: ListedSet, { now }: TimeAxis): Mark {
  if (isWrong(listed)) return 'finding';
  if (isAhead(listed, now)) return 'future';
  const { kind } = listed.set.manifest;
  return kind === 'incremental' || kind === 'consolidated' ? kind : 'full';
}
