/** The few numbers that one looks for first. */

import { type ListedSet } from '../../engine/repository/catalog.ts';
import { upToDateAt } from '../../engine/repository/health.ts';
import { formatBytes, formatCount, formatDuration } from '../text.ts';
import { madeAt } from './bins.ts';
import { html, type Content, type Html } from './html.ts';
import { type ShownSurvey } from './shown-survey.ts';
import { ago, time } from './words.ts';

/** A number, what it is, and what belongs to it. */
interface Fact {
  readonly what: string;
  readonly value: string;
  readonly more: Content;
}

export function facts(survey: ShownSurvey): Html {
  const all = [newest(survey), restorable(survey), verified(survey), rehearsed(survey), size(survey), growth(survey)];
  return html`<dl class="facts">
    ${all.map(
      ({ what, value, more }) =>
        html`<div>
          <dt>${what}</dt>
          <dd><strong>${value}</strong>${more && html`<span>${more}</span>`}</dd>
        </div>`,
    )}
  </dl>`;
}

function newest({ health: { newest: set }, now }: ShownSurvey): Fact {
  if (!set) return { what: 'Newest proven set', value: 'none', more: undefined };
  const value = ago(upToDateAt(set), now);
  if (set.lastLook === undefined) return { what: 'Newest proven set', value, more: time(set.time) };
  return { what: 'Up to date', value, more: html`nothing newer than the set of ${time(set.time)}` };
}

function restorable({ covered, gaps, catalog: { chains } }: ShownSurvey): Fact {
  const what = 'Restorable span';
  const [first] = covered;
  const last = covered.at(-1);
  if (!first || !last) {
    const sets = chains.flatMap((chain) => chain.sets);
    const isWithoutLog = sets.length > 0 && sets.every(({ set }) => !set.manifest.log);
    return {
      what,
      value: 'none',
      more: isWithoutLog ? 'there is no log: sets are restored as they were copied' : 'no sound chain with a commit',
    };
  }
  const lost = gaps.reduce((sum, gap) => sum + gap.until - gap.from, 0);
  return {
    what,
    value: formatDuration(last.until - first.from - lost),
    more: html`${time(new Date(first.from))} to
    ${time(new Date(last.until))}${gaps.length > 0 && `, without ${formatCount(gaps.length, 'gap')} of ${formatDuration(lost)}`}`,
  };
}

function verified({ health: { lastVerified }, catalog: { chains }, now }: ShownSurvey): Fact {
  if (lastVerified === undefined) {
    const sets = chains.flatMap((chain) => chain.sets.map(({ set }) => set));
    const areProven = sets.length > 0 && sets.every(({ manifest: { proof, unsound } }) => proof && !unsound);
    return { what: 'Last verified', value: 'never', more: areProven && 'sets were proven when they were made' };
  }
  return { what: 'Last verified', value: ago(lastVerified, now), more: time(lastVerified) };
}

function rehearsed({ health: { lastRehearsed, unrehearsed }, now }: ShownSurvey): Fact {
  const what = 'Recovery last rehearsed';
  const missing = unrehearsed.length > 0 && `${formatCount(unrehearsed.length, 'set')} not yet rehearsed`;
  if (lastRehearsed === undefined) return { what, value: 'never', more: missing };
  return { what, value: ago(lastRehearsed, now), more: html`${time(lastRehearsed)}${missing && `, ${missing}`}` };
}

function size({ health: { bytes, freeBytes, chains, sets } }: ShownSurvey): Fact {
  const holds = `${formatCount(sets, 'set')} in ${formatCount(chains, 'chain')}`;
  return {
    what: 'Size',
    value: formatBytes(bytes),
    more: freeBytes === undefined ? holds : `${holds}; ${formatBytes(freeBytes)} free`,
  };
}

/** Of the environment, as its full sets tell; of a first chain, as its incrementals do. */
function growth({ catalog: { chains }, now }: ShownSurvey): Fact {
  const newestSource = chains.at(-1)?.sets[0]!.set.manifest.source;
  const full = chains.filter(({ sets }) => sets[0]!.set.manifest.source === newestSource).map(({ sets }) => sets[0]!);
  const [first] = full;
  const last = full.at(-1);
  const what = 'Growth';
  if (!first || !last) return { what, value: 'none', more: undefined };
  if (first === last) {
    const added = chains.at(-1)!.sets.slice(1);
    const bytes = added.reduce((sum, set) => sum + set.bytes, 0);
    if (added.length === 0) return { what, value: 'not known', more: 'there is one set' };
    return {
      what,
      value: `+${formatBytes(bytes)}`,
      more: `by ${formatCount(added.length, 'incremental set')} in ${between(first, added.at(-1)!, now)}`,
    };
  }
  const change = last.bytes - first.bytes;
  const share = first.bytes > 0 ? `, ${signed(Math.round((100 * change) / first.bytes))}%` : '';
  return {
    what,
    value: `${change < 0 ? '−' : '+'}${formatBytes(Math.abs(change))}`,
    more: `full sets in ${between(first, last, now)}: ${formatBytes(first.bytes)} to ${formatBytes(last.bytes)}${share}`,
  };
}

function between(first: ListedSet, last: ListedSet, now: number): string {
  return formatDuration(Math.max(0, Math.min(madeAt(last), now) - madeAt(first)));
}

function signed(n: number): string {
  return `${n < 0 ? '−' : '+'}${Math.abs(n)}`;
}
