/** What the picture shows, in words and numbers. */

import { checksName } from '../../engine/repository/checks.ts';
import { excludedFrom } from '../../engine/repository/chain.ts';
import { isUnrehearsed, type ListedChain, type ListedSet } from '../../engine/repository/catalog.ts';
import { commitsAdded } from '../../engine/repository/coverage.ts';
import { goneOf } from '../../engine/repository/missing.ts';
import { isSound } from '../../engine/repository/retention.ts';
import { FigaroError } from '../../errors.ts';
import { formatBytes, formatCount, formatDuration } from '../text.ts';
import { binsOf } from './bins.ts';
import { html, type Content, type Html } from './html.ts';
import { isWrong, type ShownSurvey } from './shown-survey.ts';
import { table } from './table.ts';
import { type TimeAxis } from './time-axis.ts';
import { badge, listed, name, sentence, time } from './words.ts';

/** Rows of the table of what happened over time. */
const mostSpans = 32;

export function chainTable(survey: ShownSurvey): Html | undefined {
  const { chains } = survey.catalog;
  if (chains.length === 0) return undefined;
  return table(
    'Chains',
    [
      { title: 'Chain' },
      { title: 'Restorable from' },
      { title: 'until' },
      { title: 'Sets', isNumber: true },
      { title: 'Size', isNumber: true },
      { title: 'Commits', isNumber: true },
      { title: 'expire' },
    ],
    chains.map((chain) => ({
      isNoted: !isSound(chain) || chain.pin !== undefined,
      cells: [
        html`<span class="id">${chain.id}</span>${notesOfChain(chain)}`,
        ...(chain.window ? [time(chain.window.first.time), time(chain.window.last.time)] : [whyNoWindow(chain), '']),
        chain.sets.length,
        formatBytes(chain.bytes),
        commitsOf(chain),
        fateOf(chain, survey),
      ],
    })),
  );
}

function commitsOf({ sets }: ListedChain): Content {
  const { log, proof } = sets.at(-1)!.set.manifest;
  return log && proof?.transactionsCommitted.toLocaleString('en-US');
}

function whyNoWindow({ sets }: ListedChain): string {
  if (sets.some(({ set }) => set.manifest.unread)) return 'not known: encrypted';
  return sets[0]!.set.manifest.log ? 'no commit' : 'as it was copied';
}

function notesOfChain({ sets, pin }: ListedChain): Html[] {
  const { source, host, unsound, newSource, withoutLog, consolidated } = sets[0]!.set.manifest;
  const all = sets.map(({ set }) => set);
  const excluded = excludedFrom(all);
  const gone = goneOf(all);
  const notes: readonly Content[] = [
    html`${name(source)} on ${name(host)}`,
    unsound?.[0] && html`unsound, a copy of a damaged source: ${name(unsound[0].message)}`,
    consolidated && `made of ${consolidated.chain} up to ${consolidated.set}`,
    newSource && 'a new source: the chains before it are of another environment',
    withoutLog && 'without its log: databases as they were',
    excluded.length > 0 && html`excluded: ${listed(excluded)}`,
    gone.length > 0 &&
      html`gone from the source without the log saying so:
      ${listed(
        gone.map(({ path, chain }) => `${path}, last in ${chain}`),
        '; ',
      )}`,
    pin && html`pinned${pin.note !== '' && html`: ${name(pin.note)}`}`,
  ];
  return notes.filter(Boolean).map((note) => html`<span class="more">${note}</span>`);
}

function fateOf({ id }: ListedChain, { retention, going, reasons }: ShownSurvey): Content {
  if (retention === undefined || retention instanceof FigaroError) return 'not decided';
  if (going.has(id)) return html`<strong class="caution">would remove it</strong>`;
  return html`keeps it: ${listed(reasons.get(id)!, '; ')}`;
}

export function setTable({ catalog: { chains } }: ShownSurvey): Html | undefined {
  const rows = chains.flatMap(({ sets }) => {
    const added = commitsAdded(sets);
    return sets.map((listed, i) => ({ listed, commits: added[i] }));
  });
  if (rows.length === 0) return undefined;
  return table(
    'Sets',
    [
      { title: 'Set' },
      { title: 'Finished' },
      { title: 'Size', isNumber: true },
      { title: 'Commits added', isNumber: true },
      { title: 'Verified' },
      { title: 'Recovery rehearsed' },
    ],
    rows.map(({ listed, commits }) => {
      const { set, bytes, lastRehearsal, lastLook } = listed;
      return {
        isNoted: isWrong(listed),
        cells: [
          html`<span class="id">${set.id}</span
            >${lastLook !== undefined && html`<span class="more">nothing newer ${time(lastLook)}</span>`}`,
          time(set.manifest.finished),
          formatBytes(bytes),
          set.manifest.log && commits?.toLocaleString('en-US'),
          verificationOf(listed),
          isUnrehearsed(listed) ? badge('caution', 'not yet rehearsed') : lastRehearsal && time(lastRehearsal.time),
        ],
      };
    }),
  );
}

function verificationOf({ set, lastCheck, hasDamagedChecks }: ListedSet): Content {
  if (hasDamagedChecks) return badge('bad', `${checksName} cannot be read`);
  if (set.manifest.unsound) return badge('bad', 'unsound');
  if (!lastCheck) return undefined;
  if (lastCheck.findings === 0) return time(lastCheck.time);
  return html`${badge('bad', formatCount(lastCheck.findings, 'finding'))} ${time(lastCheck.time)}`;
}

export function unusableTable({ unusable }: ShownSurvey): Html | undefined {
  if (unusable.length === 0) return undefined;
  return table(
    'Not usable as sets',
    [{ title: 'Directory' }, { title: 'State' }, { title: 'What is known' }],
    unusable.map(({ id, state, problem }) => ({ cells: [html`<span class="id">${id}</span>`, state, name(problem)] })),
  );
}

/** The bars of the picture, and the gaps between what can be restored. */
export function timeTables({ catalog, gaps }: ShownSurvey, axis: TimeAxis): Html[] {
  const tables: Html[] = [];
  if (gaps.length > 0) {
    const columns = [{ title: 'Not restorable from' }, { title: 'until' }, { title: 'For', isNumber: true }];
    const rows = gaps.map(({ from, until }) => ({
      cells: [time(new Date(from)), time(new Date(until)), formatDuration(until - from)],
    }));
    tables.push(table('Gaps', columns, rows));
  }
  if (catalog.chains.length === 0) return tables;
  const { step, bins } = binsOf(catalog, axis, mostSpans);
  const columns = [
    { title: 'From' },
    { title: 'Commits', isNumber: true },
    { title: 'Sets', isNumber: true },
    { title: 'Added', isNumber: true },
    { title: 'Size then', isNumber: true },
  ];
  const rows = bins.map(({ from, commits, sets, added, stored }) => ({
    cells: [
      time(new Date(from)),
      commits > 0 && Math.round(commits).toLocaleString('en-US'),
      sets > 0 && sets,
      added > 0 && formatBytes(added),
      formatBytes(stored),
    ],
  }));
  const note =
    'Commits of a set are spread evenly over the time that it tells of. Sets that have been removed are not counted.';
  return [...tables, table(`Over time, every ${formatDuration(step)}`, columns, rows, note)];
}

/** What `expire` would do, in a sentence. */
export function retentionNote({ retention, going, catalog: { chains } }: ShownSurvey): Content {
  if (chains.length === 0) return undefined;
  if (retention === undefined)
    return sentence('No rule says what to keep: `expire` removes nothing until it is given one.');
  if (retention instanceof FigaroError)
    return [sentence('`expire` would remove nothing, and fail: '), name(retention.message)];
  if (going.size === 0) return sentence('`expire` would remove nothing.');
  const freed = retention.filter(({ chain }) => going.has(chain.id)).reduce((sum, { chain }) => sum + chain.bytes, 0);
  return sentence(`\`expire\` would remove ${formatCount(going.size, 'chain')} and free ${formatBytes(freed)}.`);
}
