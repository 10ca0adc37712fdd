/** A report as one HTML file, which needs nothing else: no network, no script. Pure: data in, text out. */

import { createHash } from 'node:crypto';
import { upToDateAt } from '../../engine/repository/health.ts';
import { FigaroError } from '../../errors.ts';
import { formatBytes, formatCount } from '../text.ts';
import { light } from './colours.ts';
import { html, raw, type Content, type Html } from './html.ts';
import { definitions } from './marks.ts';
import { reportSection, titleOf, verdictOf } from './section.ts';
import { type Report, type ReportSection } from './shown-survey.ts';
import { style } from './style.ts';
import { badge, name, sign, time, ago, type Tone } from './words.ts';

/** What every report begins with, by which it is known as one. */
export const reportBeginning = '<!doctype html>\n<!-- A report of figaro-backup';

/** Should a text ever come through as markup, browsers are told to run nothing and to ask for nothing. */
const policy = `default-src 'none'; img-src data:; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'`;

export function renderReport(report: Report): string {
  const { made, host, program, sections } = report;
  const [only, ...others] = sections;
  const tone = worstOf(sections);
  const isOne = only !== undefined && others.length === 0;
  const title = isOne ? `Backups of ${titleOf(only)}` : 'Backups';
  // Without a request for it, and of the colour of the verdict.
  const icon = `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='${encodeURIComponent(light[tone])}'/%3E%3C/svg%3E`;
  const page = html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta http-equiv="Content-Security-Policy" content="${policy}" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="referrer" content="no-referrer" />
      <meta name="robots" content="noindex" />
      <meta name="color-scheme" content="light dark" />
      <title>${title}: ${summaryOf(sections)}</title>
      <link rel="icon" href="${icon}" />
      ${raw(`<style>${style}</style>`)}
    </head>
    <body>
      <a class="skip" href="#contents">Skip to the environments</a>
      <header class="page">
        <div class="verdict ${tone}">
          ${sign(tone, 44)}
          <div>
            <h1>${isOne ? html`Backups of ${name(titleOf(only))}` : 'Backups'}</h1>
            <p>${summaryOf(sections)}</p>
          </div>
        </div>
        <p class="made">As of ${time(made)}</p>
      </header>
      <main id="contents">
        ${definitions} ${!isOne && overview(sections, made)}
        ${sections.map((section, i) => reportSection(section, made, `e${i + 1}`))}
      </main>
      <footer>
        <p>
          Made by figaro-backup ${program} on ${name(host)} at ${time(made)}, from manifests and notes: no file in a set
          was opened. <code>figaro-backup verify</code> reads them all.
        </p>
      </footer>
    </body>
  </html>`;
  return `${reportBeginning} -->\n${page.text}\n`;
}

function worstOf(sections: readonly ReportSection[]): Tone {
  const tones = sections.map((section) => verdictOf(section).tone);
  return tones.includes('bad') ? 'bad' : tones.includes('caution') ? 'caution' : 'good';
}

function summaryOf(sections: readonly ReportSection[]): string {
  const wrong = sections.filter((section) => verdictOf(section).tone !== 'good');
  const [only, ...others] = sections;
  if (only && others.length === 0) return verdictOf(only).text;
  if (wrong.length === 0) return `all ${formatCount(sections.length, 'environment')} healthy`;
  return `${wrong.length} of ${formatCount(sections.length, 'environment')} ${wrong.length === 1 ? 'needs' : 'need'} attention`;
}

/** A row for each environment, which leads to its section. */
function overview(sections: readonly ReportSection[], made: Date): Html {
  const rows = sections.map((section, i) => {
    const { tone, text } = verdictOf(section);
    const link = html`<th scope="row"><a href="#e${i + 1}">${name(titleOf(section))}</a></th>
      <td>${badge(tone, text)}</td>`;
    const cells = cellsOf(section, made).map(
      (cell, column) => html`<td${column > 2 && html` class="number"`}>${cell}</td>`,
    );
    return html`<tr>
      ${link}${cells}
    </tr> `;
  });
  return html`<div class="overview">
    <div class="scroll" tabindex="0" role="region" aria-label="Environments">
      <table>
        <thead>
          <tr>
            <th scope="col">Environment</th>
            <th scope="col">State</th>
            <th scope="col">Newest proven set</th>
            <th scope="col">Last commit in it</th>
            <th scope="col">Rehearsed</th>
            <th scope="col" class="number">Sets</th>
            <th scope="col" class="number">Size</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
  </div>`;
}

function cellsOf({ outcome }: ReportSection, made: Date): readonly Content[] {
  if (outcome instanceof FigaroError) return ['', '', '', '', ''];
  const { newest, restorableUntil, lastRehearsed, sets, bytes } = outcome.health;
  const now = made.getTime();
  return [
    newest ? ago(upToDateAt(newest), now) : 'none',
    restorableUntil === undefined ? 'none' : time(restorableUntil),
    lastRehearsed === undefined ? 'never' : ago(lastRehearsed, now),
    sets,
    formatBytes(bytes),
  ];
}
