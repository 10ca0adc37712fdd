/** The file that node_exporter reads: written where nothing else lies, and in the place of metrics alone. */

import { type Files } from '../engine/files/files.ts';
import { requireNoneAbove, requireOutside, type Place } from '../engine/places.ts';
import { replaceFile } from '../engine/files/replace-file.ts';
import { metricsText, type MetricSet } from '../output/monitoring.ts';

/** As every text of `monitoring.ts` begins. */
const beginning = '# HELP figaro_backup_';

/** Throws `usage` for a file inside of a repository, a standby, or one of these places. */
export function requireMetricsApart(files: Files, file: string, places: readonly Place[]): void {
  const metrics = { what: 'the metrics file', path: file };
  requireNoneAbove(files, metrics);
  for (const place of places) requireOutside(files, metrics, place);
}

/** Throws `target-not-empty` where there is a file of another kind. */
export function writeMetrics(files: Files, file: string, sets: readonly MetricSet[]): void {
  replaceFile(files, file, metricsText(sets), beginning);
}
