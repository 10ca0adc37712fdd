import { type NotOnWindows } from '../engine/repository/names-on-windows.ts';
import { formatCount, inOneLine } from './text.ts';

/** What is said, as a value of a table, of sets that Windows cannot use. */
export function describeNotOnWindows([first, ...more]: readonly NotOnWindows[]): string {
  const others = more.length > 0 ? `, and ${formatCount(more.length, 'name')} more` : '';
  return `cannot be recovered there: ${inOneLine(first!.path)} ${inOneLine(first!.problem)}${others}`;
}
