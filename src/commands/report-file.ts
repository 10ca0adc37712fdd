/** The file that a report goes to, or standard output. */

import { hostname } from 'node:os';
import { replaceFile } from '../engine/files/replace-file.ts';
import { requireNoneAbove, requireOutside } from '../engine/places.ts';
import { programVersion } from '../engine/version.ts';
import { FigaroError } from '../errors.ts';
import { renderReport, reportBeginning } from '../output/report-page/page.ts';
import { type ReportSection } from '../output/report-page/shown-survey.ts';
import { formatBytes, formatCount, inOneLine } from '../output/text.ts';
import { type CommandContext, type CommonOptions } from './context.ts';

export interface ReportDestination extends CommonOptions {
  readonly output?: string;
}

/** Throws `usage` where a report has no place to go to, and for a file inside of a repository or a standby. */
export function requireDestination({ files, io }: CommandContext, { output, json }: ReportDestination): void {
  if (output !== undefined) return requireNoneAbove(files, { what: 'the report', path: output });
  const hint = 'give --output FILE, or send standard output to a file.';
  if (json) {
    throw new FigaroError('usage', '--json needs --output here: without it, the page goes to standard output', {
      hint: '`list --json`, `check --json` and `expire --dry-run --json` have what the page shows.',
    });
  }
  if (io.stdout.isTTY)
    throw new FigaroError('usage', 'a report is an HTML page, and standard output a terminal', { hint });
}

/**
 * Writes a report; a file is replaced as a whole. Throws `usage` for a file inside of an environment, `target-not-empty` for one
 * that is no report, and what keeps it from being written.
 */
export function writeReport(
  context: CommandContext,
  options: ReportDestination,
  sections: readonly ReportSection[],
): void {
  const { files, results } = context;
  const { output } = options;
  const page = renderReport({ made: new Date(), host: hostname(), program: programVersion, sections });
  if (output === undefined) {
    results.write(page);
    return;
  }
  for (const { outcome } of sections) {
    if (outcome instanceof FigaroError) continue;
    for (const source of outcome.health.sources) requireOutside(files, { what: 'the report', path: output }, source);
  }
  replaceFile(files, output, page, reportBeginning);
  const size = formatBytes(Buffer.byteLength(page));
  const text = `${inOneLine(output)}: ${formatCount(sections.length, 'environment')}, ${size}\n`;
  if (!options.json) context.printSuccess(options, {}, () => text);
}

/** The same for `--all`: all have had their turn, whatever becomes of the file. */
export function writeReportOfAll(
  context: CommandContext,
  options: ReportDestination,
  sections: readonly ReportSection[],
): void {
  try {
    writeReport(context, options, sections);
  } catch (error) {
    if (!(error instanceof FigaroError)) throw error;
    context.addFailure(options, error);
  }
}
