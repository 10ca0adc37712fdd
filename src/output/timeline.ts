/** A picture of when how much was committed: a line for each span of time. */

import { type Second } from '../engine/history/history.ts';
import { bar, niceStep } from './bars.ts';
import { formatBytes, formatCount, formatDuration, formatTime, inOneLine, table } from './text.ts';

/** Something that happened at a moment, drawn into the picture. */
export interface Mark {
  /** Seconds since 1970. */
  readonly time: number;
  readonly text: string;
}

/** Lines of the picture, about, and characters of its longest bar. */
const lines = 24;
const barWidth = 32;
/** More lines than this without anything in them become one. */
const longestSilence = 3;

interface Span {
  commits: number;
  bytes: number;
  readonly marks: string[];
}

/** Draws commits as bars, and marks beside and below the span they are in. */
export function drawTimeline(seconds: readonly Second[], marks: readonly Mark[] = []): string {
  const times = [...seconds, ...marks].map(({ time }) => time);
  if (times.length === 0) return '';
  const first = times.reduce((least, time) => Math.min(least, time));
  const last = times.reduce((most, time) => Math.max(most, time));
  const step = niceStep(last - first + 1, lines);
  const start = first - (first % step);
  const spans = new Map<number, Span>();
  const spanAt = (time: number): Span => {
    const i = Math.floor((time - start) / step);
    let span = spans.get(i);
    if (!span) spans.set(i, (span = { commits: 0, bytes: 0, marks: [] }));
    return span;
  };
  for (const { time, commits, bytes } of seconds) {
    const span = spanAt(time);
    span.commits += commits;
    span.bytes += bytes;
  }
  for (const { time, text } of marks) spanAt(time).marks.push(text);
  const most = Math.max(...[...spans.values()].map(({ bytes }) => bytes));
  const rows: string[][] = [];
  const below = new Map<number, readonly string[]>();
  let next = 0;
  for (const i of [...spans.keys()].sort((a, b) => a - b)) {
    rows.push(...silence(start, step, next, i));
    const { commits, bytes, marks: texts } = spans.get(i)!;
    const figures = [formatCount(commits, 'commit'), formatBytes(bytes), bar(bytes, most, barWidth)];
    rows.push([formatTime(start + i * step), ...(commits > 0 ? figures : [])]);
    below.set(rows.length - 1, texts);
    next = i + 1;
  }
  // Beside bars there is no room for marks.
  const printed = table(rows).trimEnd().split('\n');
  return printed.map((line, i) => [line, ...(below.get(i) ?? []).map(markLine)].join('\n') + '\n').join('');
}

function markLine(text: string): string {
  return `${' '.repeat(formatTime(0).length)}  ◆ ${inOneLine(text)}`;
}

function silence(start: number, step: number, from: number, to: number): string[][] {
  if (to - from > longestSilence) return [['⋮', `${formatDuration((to - from) * step * 1000)} without a commit`]];
  return Array.from({ length: to - from }, (_, i) => [formatTime(start + (from + i) * step)]);
}
