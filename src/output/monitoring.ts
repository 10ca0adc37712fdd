/** What monitoring systems read. */

import { type StandbyStatus } from '../engine/failover/status.ts';
import { upToDateAt, type Health } from '../engine/repository/health.ts';
import { type FigaroError } from '../errors.ts';
import { formatCount, formatDuration, printable } from './text.ts';

interface NagiosResult {
  readonly line: string;
  /** 0 OK, 2 CRITICAL, 3 UNKNOWN. */
  readonly status: number;
}

/** One line in the form of the Nagios plugin guidelines, with performance data. */
export function nagiosLine(health: Health, maxAgeMs: number): NagiosResult {
  const { problems, newest, chains, sets, bytes, freeBytes, excluded } = health;
  const data = [
    ...(newest ? [`age=${seconds(newest.ageMs)}s;;${seconds(maxAgeMs)}`] : []),
    `sets=${sets}`,
    `bytes=${bytes}B`,
    `free=${freeBytes}B`,
  ].join(' ');
  const state =
    problems.length > 0
      ? problems.map(({ message }) => message).join('; ')
      : `newest set ${formatDuration(newest!.ageMs)} old, ${formatCount(chains, 'chain')}${excluded.length > 0 ? `; excluded from backups: ${excluded.join(', ')}` : ''}`;
  const word = problems.length > 0 ? 'CRITICAL' : 'OK';
  return { line: `FIGARO ${word}: ${inOneLine(state)} | ${data}\n`, status: problems.length > 0 ? 2 : 0 };
}

export function nagiosUnknown({ message }: FigaroError): NagiosResult {
  return { line: `FIGARO UNKNOWN: ${inOneLine(message)}\n`, status: 3 };
}

/** The pipe separates performance data. */
function inOneLine(text: string): string {
  return printable(text.replaceAll(/[|\n]/g, ' '));
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}

/** Metrics in the text format of Prometheus; without `health`, that there is something wrong is all that can be said. */
export function prometheusText(repository: string, health: Health | undefined, now: Date): string {
  const time = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Date.parse(text) / 1000;
  const metrics: readonly Metric[] = [
    ['ok', 'Whether nothing is wrong with the backups.', health && health.problems.length === 0 ? 1 : 0],
    ['check_timestamp_seconds', 'When this was looked at.', now.getTime() / 1000],
    [
      'newest_set_timestamp_seconds',
      'When the newest proven set was finished, or an incremental last found nothing newer.',
      time(health?.newest && upToDateAt(health.newest)),
    ],
    ['restorable_until_timestamp_seconds', 'The last commit that can be restored.', health?.restorableUntil],
    ['last_verified_timestamp_seconds', 'When a set was last verified.', time(health?.lastVerified)],
    ['last_rehearsed_timestamp_seconds', 'When a recovery was last rehearsed.', time(health?.lastRehearsed)],
    [
      'excluded_containers',
      'Containers that the newest chain lacks, as asked with --exclude.',
      health?.excluded.length,
    ],
    ['chains', 'Chains in the repository.', health?.chains],
    ['sets', 'Sets in chains.', health?.sets],
    ['other_sets', 'Sets without their chain, damaged, or left unfinished.', health?.others],
    [
      'run_started_timestamp_seconds',
      'When the run began that writes to the repository now.',
      health?.run?.state === 'in-progress' ? time(health.run.since) : undefined,
    ],
    ['bytes', 'Bytes in sets.', health?.bytes],
    ['free_bytes', 'Room left for the repository.', health?.freeBytes],
  ];
  return metricsText({ repository }, metrics);
}

type Metric = readonly [name: string, help: string, value: number | undefined];

function metricsText(labels: Readonly<Record<string, string>>, metrics: readonly Metric[]): string {
  const escaped = (value: string): string =>
    value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  const label = Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',');
  return metrics
    .filter(([, , value]) => value !== undefined)
    .map(([name, help, value]) => {
      const full = `figaro_backup_${name}`;
      return `# HELP ${full} ${help}\n# TYPE ${full} gauge\n${full}{${label}} ${value}\n`;
    })
    .join('');
}

/** Metrics of a standby. */
export function standbyMetrics(directory: string, { state, lag, ageMs, trouble, isBehind }: StandbyStatus): string {
  return metricsText({ standby: directory }, [
    ['standby_ok', 'Whether the standby follows, and closely enough.', trouble || isBehind ? 0 : 1],
    ['standby_lag_bytes', 'Log of the primary that is not applied yet.', lag?.bytes],
    ['standby_lag_seconds', 'Age of the oldest commit that is not applied yet.', lag?.seconds],
    ['standby_round_age_seconds', 'Since the last round.', ageMs / 1000],
    ['standby_round_duration_seconds', 'What the last round took.', state.lastRound.durationMs / 1000],
    ['standby_rounds', 'Rounds so far.', state.rounds],
    ['standby_last_commit_timestamp_seconds', 'The newest commit that is applied.', state.lastCommit?.time],
  ]);
}
