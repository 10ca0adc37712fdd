/** Rows of the table: what a command costs beside a peer that does the same in the same run, and how that grows. */

import os from 'node:os';
import { type Cost } from './measure.ts';

export interface Row {
  /** Without sizes: by it a row is known in `goals.ts`. */
  readonly work: string;
  readonly size: string;
  readonly ours: Cost;
  /** What does the same, or the first of many runs of which this is a late one. */
  readonly peer: Cost;
  readonly peerName: string;
  /** Of CPU time over size: 1 is linear. Undefined for a row that was measured in one size. */
  readonly exponent?: number | undefined;
}

/** How the benchmark is run. */
export interface Settings {
  /** 1 for the sizes of the documentation. */
  readonly scale: number;
  /** How many pairs of runs; the best of each counts. */
  readonly pairs: number;
}

/** A part of the benchmark. */
export type Part = (settings: Settings) => Iterable<Row> | AsyncIterable<Row>;

/** A ratio above 1 says that ours takes longer, or reads more. */
export const ratios = {
  time: ({ ours, peer }: Row): number => ours.seconds / peer.seconds,
  cpu: ({ ours, peer }: Row): number => ours.cpuSeconds / peer.cpuSeconds,
  read: ({ ours, peer }: Row): number => ours.megabytesRead / peer.megabytesRead,
  stored: ({ ours, peer }: Row): number => (ours.megabytesStored ?? Number.NaN) / (peer.megabytesStored ?? Number.NaN),
} as const;

export type Measure = keyof typeof ratios;

export function tableHead({ scale, pairs }: Settings): string {
  const cells =
    'work|size|CPU s|s|MB read|MB held|MB stored|beside|CPU s|ratio of CPU|of s|of MB read|of MB stored|exponent'.split(
      '|',
    );
  return [
    `Node ${process.version}, ${os.cpus().length} cores, scale ${scale}, best of ${pairs} in alternation.`,
    '',
    `| ${cells.join(' | ')} |`,
    `|${cells.map(() => '---').join('|')}|`,
  ].join('\n');
}

/** Nothing for what was not measured. */
function shown(value = Number.NaN): string {
  return Number.isNaN(value) ? '' : value.toFixed(2);
}

/** In Markdown. */
export function tableRow(row: Row): string {
  const { work, size, ours, peer, peerName, exponent } = row;
  const cells = [
    work,
    size,
    ours.cpuSeconds.toFixed(2),
    ours.seconds.toFixed(2),
    ours.megabytesRead.toFixed(0),
    ours.megabytesHeld.toFixed(0),
    ours.megabytesStored?.toFixed(1) ?? '',
    peerName,
    ...[peer.cpuSeconds, ratios.cpu(row), ratios.time(row), ratios.read(row), ratios.stored(row), exponent].map(shown),
  ];
  return `| ${cells.join(' | ')} |`;
}
