/** What monitoring systems read. */

import { type StandbyStatus } from '../engine/failover/status.ts';
import { upToDateAt, type Health } from '../engine/repository/health.ts';
import { type FigaroError } from '../errors.ts';
import { formatCount, formatDuration, printable } from './text.ts';

/** What a Nagios plugin says, in the form of its guidelines. */
export interface NagiosResult {
  readonly word: keyof typeof nagiosStatuses;
  readonly text: string;
  /** Performance data by label. */
  readonly data: Readonly<Record<string, string>>;
}

/** How a plugin ends; what is worse comes first. */
export const nagiosStatuses = { CRITICAL: 2, UNKNOWN: 3, OK: 0 } as const;

export function nagiosResult(health: Health, maxAgeMs: number): NagiosResult {
  const { problems, newest, chains, sets, bytes, freeBytes, excluded } = health;
  const text =
    problems.length > 0
      ? problems.map(({ message }) => message).join('; ')
      : `newest set ${formatDuration(newest!.ageMs)} old, ${formatCount(chains, 'chain')}${excluded.length > 0 ? `; excluded from backups: ${excluded.join(', ')}` : ''}`;
  return {
    word: problems.length > 0 ? 'CRITICAL' : 'OK',
    text,
    data: {
      ...(newest ? { age: `${seconds(newest.ageMs)}s;;${seconds(maxAgeMs)}` } : {}),
      sets: `${sets}`,
      bytes: `${bytes}B`,
      ...(freeBytes === undefined ? {} : { free: `${freeBytes}B` }),
    },
  };
}

export function nagiosUnknown({ message }: Pick<FigaroError, 'message'>): NagiosResult {
  return { word: 'UNKNOWN', text: message, data: {} };
}

/** One line. */
export function nagiosText({ word, text, data }: NagiosResult): string {
  const values = Object.entries(data).map(([label, value]) => `${label}=${value}`);
  return `FIGARO ${word}: ${inOneLine(text)}${values.length > 0 ? ` | ${values.join(' ')}` : ''}\n`;
}

interface NamedResult {
  readonly environment: string;
  readonly result: NagiosResult;
}

/** One result for many: in its first line what is wrong and all data, and a line for each environment below it. */
export function nagiosTextOfAll(parts: readonly NamedResult[]): { readonly text: string; readonly status: number } {
  const words = Object.keys(nagiosStatuses) as NagiosResult['word'][];
  const word = words.find((one) => parts.some(({ result }) => result.word === one)) ?? 'OK';
  const wrong = parts.filter(({ result }) => result.word !== 'OK');
  const data = parts.flatMap(({ environment, result }) =>
    Object.entries(result.data).map(([label, value]) => [quotedLabel(`${environment} ${label}`), value]),
  );
  const text =
    wrong.length === 0
      ? formatCount(parts.length, 'environment')
      : wrong.map(({ environment, result }) => `${environment}: ${result.text}`).join('; ');
  const lines = parts.map(
    ({ environment, result }) => `${inOneLine(`${environment} ${result.word}: ${result.text}`)}\n`,
  );
  return {
    text: nagiosText({ word, text, data: Object.fromEntries(data) as Record<string, string> }) + lines.join(''),
    status: nagiosStatuses[word],
  };
}

/** A label may hold anything but these. */
function quotedLabel(label: string): string {
  return `'${inOneLine(label).replaceAll(/['=]/g, '_')}'`;
}

/** The pipe separates performance data. */
function inOneLine(text: string): string {
  return printable(text.replaceAll(/[|\n]/g, ' '));
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}

/** Without `health`, that there is something wrong is all that can be said. */
export function healthMetrics(repository: string, health: Health | undefined, now: Date): MetricSet {
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
  return { labels: { repository }, metrics };
}

type Metric = readonly [name: string, help: string, value: number | undefined];

/** Of one thing. */
export interface MetricSet {
  readonly labels: Readonly<Record<string, string>>;
  readonly metrics: readonly Metric[];
}

/** The text format of Prometheus: what all of them have to say of a metric stands together. */
export function metricsText(sets: readonly MetricSet[]): string {
  const groups = new Map<string, { readonly help: string; readonly samples: Map<string, number> }>();
  for (const { labels, metrics } of sets) {
    for (const [name, help, value] of metrics) {
      if (value === undefined) continue;
      const full = `figaro_backup_${name}`;
      const group = groups.get(full) ?? { help, samples: new Map<string, number>() };
      groups.set(full, group);
      // One that comes twice would make the whole text unusable.
      group.samples.set(`${full}{${labelText(labels)}}`, value);
    }
  }
  return [...groups]
    .map(([full, { help, samples }]) => {
      const lines = [...samples].map(([series, value]) => `${series} ${value}\n`);
      return `# HELP ${full} ${help}\n# TYPE ${full} gauge\n${lines.join('')}`;
    })
    .join('');
}

function labelText(labels: MetricSet['labels']): string {
  const escaped = (value: string): string =>
    value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',');
}

export function standbyMetrics(directory: string, { state, lag, ageMs, trouble, isBehind }: StandbyStatus): MetricSet {
  const metrics: readonly Metric[] = [
    ['standby_ok', 'Whether the standby follows, and closely enough.', trouble || isBehind ? 0 : 1],
    ['standby_lag_bytes', 'Log of the primary that is not applied yet.', lag?.bytes],
    ['standby_lag_seconds', 'Age of the oldest commit that is not applied yet.', lag?.seconds],
    ['standby_round_age_seconds', 'Since the last round.', ageMs / 1000],
    ['standby_round_duration_seconds', 'What the last round took.', state.lastRound.durationMs / 1000],
    ['standby_rounds', 'Rounds so far.', state.rounds],
    ['standby_last_commit_timestamp_seconds', 'The newest commit that is applied.', state.lastCommit?.time],
  ];
  return { labels: { standby: directory }, metrics };
}
