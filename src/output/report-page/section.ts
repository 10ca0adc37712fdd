/** One environment of a report. */

import { FigaroError } from '../../errors.ts';
import { type HealthProblem } from '../../engine/repository/health.ts';
import { formatCount } from '../text.ts';
import { describeWriter } from '../writer.ts';
import { facts } from './facts.ts';
import { html, type Content, type Html } from './html.ts';
import { showSurvey, type ReportSection, type ShownSurvey } from './shown-survey.ts';
import { chainTable, retentionNote, setTable, timeTables, unusableTable } from './tables.ts';
import { axisOf, timeline } from './timeline.ts';
import { badge, listed, name, sentence, sign, type Tone } from './words.ts';

/** More problems than this say nothing new. */
const mostProblems = 50;

/** How an environment is, for its heading and the overview. */
export function verdictOf({ outcome }: ReportSection): { readonly tone: Tone; readonly text: string } {
  if (outcome instanceof FigaroError) return { tone: 'bad', text: 'cannot be read' };
  const { problems } = outcome.health;
  if (problems.length === 0) return { tone: 'good', text: 'healthy' };
  return { tone: problems.every(isOfTime) ? 'caution' : 'bad', text: formatCount(problems.length, 'problem') };
}

/** What passes when somebody sees to it in time, and nothing is damaged. */
function isOfTime({ code }: HealthProblem): boolean {
  return code === 'stale' || code === 'no-space';
}

/** What people call it. */
export function titleOf({ environment, directory }: ReportSection): string {
  return environment ?? directory ?? 'a repository';
}

/** @param id of the section, for links to it */
export function reportSection(section: ReportSection, made: Date, id: string): Html {
  const { outcome, environment, directory } = section;
  const verdict = verdictOf(section);
  return html`<section class="environment" id="${id}" aria-labelledby="${id}-name">
    <header>
      <h2 id="${id}-name">${name(titleOf(section))}</h2>
      ${badge(verdict.tone, verdict.text)}
      ${environment !== undefined && directory !== undefined && html`<p class="where">${name(directory)}</p>`}
    </header>
    ${outcome instanceof FigaroError ? problemList([outcome]) : contents(showSurvey(outcome, made), id)}
  </section>`;
}

function contents(survey: ShownSurvey, id: string): Html {
  const axis = axisOf(survey);
  const { problems } = survey.health;
  const notes = notesOf(survey);
  return html`${problems.length > 0 ? problemList(problems) : html`<p class="well">${sign('good')} <span>${sentence('`check` finds nothing wrong.')}</span></p>`}
    ${
      notes.length > 0 &&
      html`<ul class="notes">
        ${notes.map((note) => html`<li>${note}</li>`)}
      </ul>`
    }
    ${facts(survey)} ${timeline(survey, axis, id)}
    <p class="expire">${retentionNote(survey)}</p>
    ${chainTable(survey)} ${unusableTable(survey)} ${setTable(survey)} ${timeTables(survey, axis)}`;
}

function problemList(problems: readonly (HealthProblem | FigaroError)[]): Html {
  const more = problems.length - mostProblems;
  return html`<ul class="problems">
    ${problems.slice(0, mostProblems).map((problem) => {
      const hint = problem instanceof FigaroError ? problem.details.hint : problem.hint;
      const tone = problem instanceof FigaroError || !isOfTime(problem) ? 'bad' : 'caution';
      return html`<li class="${tone}">
        ${sign(tone, 20)}
        <div>
          <p><bdi>${sentence(problem.message)}</bdi></p>
          ${hint !== undefined && html`<p class="hint">${sentence(hint)}</p>`}
        </div>
        <code>${problem.code}</code>
      </li> `;
    })}${
      more > 0 &&
      html`<li>
        <p>and ${more} more: <code>figaro-backup check</code> has all.</p>
      </li>`
    }
  </ul>`;
}

/** What is no problem, and explains the picture. */
function notesOf({
  catalog: { chains, orphans, broken, run, underWay },
  health: { leftUnfinished, excluded },
}: ShownSurvey): Content[] {
  const isEmpty = chains.length + orphans.length + broken.length + underWay.length === 0;
  return [
    isEmpty && 'The repository is empty: no set was taken yet.',
    run?.state === 'in-progress' && html`In progress: ${name(describeWriter(run))}`,
    run?.state === 'over' && html`A run did not finish: ${name(describeWriter(run))}`,
    leftUnfinished > 0 &&
      `${formatCount(leftUnfinished, 'set')} left unfinished: the next run that writes removes what is incomplete.`,
    excluded.length > 0 && html`Excluded from backups: ${listed(excluded)}`,
  ].filter(Boolean);
}
