/** Numbers, sizes, durations and times as people read them: one way for each, in messages as in results. */

import { formatLsn, type Lsn } from './format/lsn.ts';

export function formatCount(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString('en-US')} ${n === 1 ? one : many}`;
}

/** `830.6 KiB`, `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Sizes that are not the same, so that this shows: to the byte where they read alike otherwise. */
export function formatSizes(one: number, other: number): readonly [string, string] {
  const [a, b] = [formatBytes(one), formatBytes(other)];
  return a === b ? [formatCount(one, 'byte'), formatCount(other, 'byte')] : [a, b];
}

/** `3d 4h`, `2h 5m`, `12s`, `under 1s`: the two largest units, rounded down. */
export function formatDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([n]) => n > 0);
  if (first === -1) return ms === 0 ? '0s' : 'under 1s';
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, unit]) => `${n}${unit}`)
    .join(' ');
}

/**
 * `2026-11-22T08:15:00Z`: as `--to-time` takes it, whatever the zone of the machine is.
 *
 * @param time seconds since 1970, as in logs, or ISO 8601
 */
export function formatTime(time: number | string | Date): string {
  const date = typeof time === 'number' ? new Date(time * 1000) : new Date(time);
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** `2026-11-22T08:15:00Z [12][4096]`: where recovery can end. Its time in seconds since 1970. */
export function formatCommit(commit: { readonly time: number; readonly lsn: Lsn } | undefined): string {
  return commit ? `${formatTime(commit.time)} ${formatLsn(commit.lsn)}` : 'none';
}

/** `2026-11-22T03:15:00-05:00`: the same moment by the clocks of this machine. */
export function formatLocalTime(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + minutes * 60_000).toISOString().slice(0, 19);
  const two = (n: number): string => String(n).padStart(2, '0');
  const ahead = Math.abs(minutes);
  return `${local}${minutes < 0 ? '-' : '+'}${two(Math.floor(ahead / 60))}:${two(ahead % 60)}`;
}
