/** The run that writes to a repository, as people are told of it. */

import { type WriterRun } from '../engine/repository/writer.ts';
import { formatTime, inOneLine } from './text.ts';

/** `since 2026-11-22T08:15:00Z, process 4711 on backup1: copy docs.dbxml`, or as much of it as is known. */
export function describeWriter({ state, process: pid, host, since, phase }: WriterRun): string {
  const who = [
    ...(since === undefined ? [] : [`since ${formatTime(since)}`]),
    ...(pid === undefined || host === undefined ? [] : [`process ${pid} on ${inOneLine(host)}`]),
  ];
  const known = who.length === 0 ? 'its lock does not say whose it is' : who.join(', ');
  if (phase === undefined) return known;
  return `${known}${state === 'over' ? ', its last phase' : ''}: ${inOneLine(phase)}`;
}
