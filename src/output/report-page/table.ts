/** Tables of a report. */

import { formatCount } from '../text.ts';
import { html, type Content, type Html } from './html.ts';

/** More rows than this are read by nobody. */
const mostRows = 200;
/** On paper there is nothing to scroll. */
const mostOnPaper = 20;

interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
}

export interface Row {
  readonly cells: readonly Content[];
  /** There is something to say about it: it is not left out for being old. */
  readonly isNoted?: boolean;
}

/** A table of rows that are given the oldest first, and shown the newest first. It scrolls where there is no room for it, by keyboard as well. */
export function table(title: string, columns: readonly Column[], given: readonly Row[], note?: string): Html {
  const rows = newestOf(given, mostRows);
  const onPaper = new Set(newestOf(given, mostOnPaper));
  const left = given.length - rows.length;
  const leftOnPaper = rows.filter((row) => !onPaper.has(row)).length;
  const number = html` class="number"`;
  return html`<div class="rows">
    <h3>${title}</h3>
    <div class="scroll" tabindex="0" role="region" aria-label="${title}">
      <table>
        <thead>
          <tr>
            ${columns.map((column) => html`<th scope="col" ${column.isNumber && number}>${column.title}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map((row) => {
            const [head, ...cells] = row.cells;
            const rest = cells.map((cell, i) => html`<td${columns[i + 1]!.isNumber && number}>${cell}</td>`);
            return html`<tr${!onPaper.has(row) && html` class="screen"`}><th scope="row">${head}</th>${rest}</tr>\n`;
          })}
        </tbody>
      </table>
    </div>
    ${note !== undefined && html`<p class="note">${note}</p>`}
    ${left > 0 && html`<p class="note">${formatCount(left, 'earlier one')} not shown here: <code>figaro-backup list</code> has all.</p>`}
    ${leftOnPaper > 0 && html`<p class="note paper">${formatCount(leftOnPaper, 'row')} more on the screen.</p>`}
  </div>`;
}

/** The newest, and those about which there is something to say. */
function newestOf(rows: readonly Row[], most: number): readonly Row[] {
  const noted = new Set(rows.filter(({ isNoted }) => isNoted).slice(-most));
  return rows.filter((row, i) => i >= rows.length - most || noted.has(row)).toReversed();
}
