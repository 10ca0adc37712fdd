/** What matters in a result, marked: on a terminal with colours it has one, elsewhere the words alone say it. */

import { type ChalkInstance } from 'chalk';

/** Private characters stand around what is marked until it is printed: they take no room, and chalk knows them nowhere else. */
const begins = { good: '\uE0F0', caution: '\uE0F1', bad: '\uE0F2' } as const;
const end = '\uE0F3';
const marks = /[\uE0F0-\uE0F3]/g;
const marked = /([\uE0F0-\uE0F2])([^\uE0F0-\uE0F3]*)\uE0F3/g;

/** All is well. */
export const good = (text: string): string => mark('good', text);
/** Something that people have to know: what will go, what is a risk. */
export const caution = (text: string): string => mark('caution', text);
/** Something is wrong. */
export const bad = (text: string): string => mark('bad', text);

function mark(style: keyof typeof begins, text: string): string {
  return text === '' ? '' : `${begins[style]}${text}${end}`;
}

/** How much room text takes on a terminal. */
export function visibleLength(text: string): number {
  return text.replaceAll(marks, '').length;
}

/** Text with colours in place of marks. What a name holds of these characters goes. */
export function paint(text: string, chalk: ChalkInstance): string {
  const painted = text.replaceAll(marked, (_, begin: string, inner: string) => {
    if (begin === begins.good) return chalk.green(inner);
    return begin === begins.bad ? chalk.red(inner) : chalk.yellow(inner);
  });
  return painted.replaceAll(marks, '');
}
