/** The values of options: sizes, times, LSNs. */

import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseLsn, type Lsn } from '../format/lsn.ts';
import { isPageSize } from '../format/page/meta.ts';
import { formatTime } from '../measures.ts';

/** For `Option.argParser`: a size in bytes, or with K, M or G. */
export function sizeArgument(text: string): number {
  const match = /^(\d+)([KMG]?)B?$/i.exec(text.trim());
  const bytes = match && Number(match[1]) * 1024 ** ' KMG'.indexOf((match[2] || ' ').toUpperCase());
  if (!bytes) throw new InvalidArgumentError('Write a size as 64M or 2G.');
  return bytes;
}

/** As `sizeArgument`, for bytes per second, where a unit that was forgotten would take days: 10 for 10M. */
export function rateArgument(text: string): number {
  const bytes = sizeArgument(text);
  if (/\d$/.test(text.trim())) throw new InvalidArgumentError('Write it with its unit: 500K or 20M');
  return bytes;
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** For `Option.argParser`: seconds, or with s, m, h or d; in ms. */
export function durationArgument(text: string): number {
  const match = /^(\d+)([smhd]?)$/i.exec(text.trim());
  if (!match) throw new InvalidArgumentError('Write a duration as 30s, 15m, 2h or 7d.');
  return Number(match[1]) * unitMs[match[2]!.toLowerCase() || 's']!;
}

/** As `durationArgument`, where a unit that was forgotten would remove what nobody can bring back: 30 for 30d. */
export function durationWithUnit(text: string): number {
  const ms = durationArgument(text);
  if (/\d$/.test(text.trim())) throw new InvalidArgumentError('Write it with its unit: 12h or 30d');
  return ms;
}

/** For `Option.argParser`: a duration that is one. */
export function timeoutArgument(text: string): number {
  const ms = durationArgument(text);
  if (ms === 0) throw new InvalidArgumentError('Write a duration from 1s on.');
  return ms;
}

/** For `Option.argParser`: a whole number from 1 on. */
export function countArgument(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text.trim())) throw new InvalidArgumentError('Write a number from 1 on.');
  return Number(text.trim());
}

/** For `Option.argParser`: the size of pages, in bytes. */
export function pageSizeArgument(text: string): number {
  const bytes = sizeArgument(text);
  if (!isPageSize(bytes)) throw new InvalidArgumentError('Write a power of two from 512 to 65536.');
  return bytes;
}

/** For `Option.argParser`: the number of a page. */
export function pageArgument(text: string): number {
  if (!/^\d{1,10}$/.test(text.trim())) throw new InvalidArgumentError('Write the number of a page.');
  return Number(text.trim());
}

/** For `Option.argParser`: `1/7`. */
export function shareArgument(text: string): number {
  const match = /^(\d{1,6})\/(\d{1,6})$/.exec(text.trim());
  const share = match ? Number(match[1]) / Number(match[2]) : 0;
  if (!(share > 0 && share <= 1)) throw new InvalidArgumentError('Write a share as 1/7.');
  return share;
}

/** What a command that has a repository can be told of one in a store. */
export interface StoreOptions {
  readonly spool?: string;
  /** In bytes per second. */
  readonly limitUpload?: number;
  readonly storageClass?: string;
}

const keysHeading = 'Encrypted repositories:';
const storesHeading = 'Repositories in stores, s3://… and sftp://…:';

/** Adds what can be told of a store to a command that has a repository. */
export function addStoreOptions(command: Command): void {
  const spool = new Option(
    '--spool <dir>',
    'what goes to a store or a stream, or comes from one, lies in here meanwhile (default: the temporary directory)',
  );
  const limit = new Option(
    '--limit-upload <size>',
    'send this many bytes per second at most to a store: 5M (default: no limit)',
  );
  const storageClass = new Option(
    '--storage-class <name>',
    'S3: what is written gets this storage class: STANDARD_IA (default: that of the bucket)',
  );
  const has = (flag: string): boolean => command.options.some(({ long }) => long === flag);
  if (has('--repo')) command.addOption(spool.helpGroup(storesHeading));
  if (!has('--repo')) return;
  command.addOption(
    new Option(
      '--identity <file>',
      'an identity of age, which opens an encrypted repository (or $FIGARO_BACKUP_IDENTITY); repeat it for more',
    )
      .argParser(collect)
      .helpGroup(keysHeading),
  );
  command.addOption(
    new Option(
      '--key-file <file>',
      'the key of the machine that backs up to an encrypted repository (or $FIGARO_BACKUP_KEY_FILE)',
    ).helpGroup(keysHeading),
  );
  if (!has('--lock-wait')) return;
  for (const option of [limit.argParser(rateArgument), storageClass])
    command.addOption(option.helpGroup(storesHeading));
}

export interface LockOptions {
  /** In ms. */
  readonly lockWait?: number;
}

/** Adds the option of commands that write to a repository. */
export function withLockWait(command: Command): Command {
  return command.addOption(
    new Option('--lock-wait <time>', 'wait for another run to finish: 30s, 15m (default: not at all)').argParser(
      durationArgument,
    ),
  );
}

/** For options that may be given several times. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** For `Option.argParser`, several times: `old=new`. */
export function mappingArgument(text: string, before: ReadonlyMap<string, string> = new Map()): Map<string, string> {
  const [, from, to] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (from === undefined || to === undefined) throw new InvalidArgumentError('Write OLD=NEW, as in data=store.');
  if (before.has(from)) throw new InvalidArgumentError(`${from} has a new name already.`);
  return new Map([...before, [from, to]]);
}

/** What makes an option one that may be given several times. */
export const collectors: ReadonlySet<unknown> = new Set([collect, mappingArgument]);

/** For `Option.argParser`: `[12][4096]` or `12/4096`. */
export function lsnArgument(text: string): Lsn {
  const lsn = parseLsn(text);
  if (!lsn) throw new InvalidArgumentError('Write an LSN as [12][4096] or 12/4096.');
  return lsn;
}

/** For `Option.argParser`: a transaction id in hex, as db_printlog prints it. */
export function txnArgument(text: string): number {
  if (!/^(0x)?[0-9a-f]{1,8}$/i.test(text.trim())) {
    throw new InvalidArgumentError('Write a transaction id in hex, as db_printlog does: 80000012.');
  }
  return Number.parseInt(text.trim(), 16);
}

/** A moment that the operator gave. */
export interface GivenTime {
  readonly time: Date;
  /** When no zone was given, and local time was assumed. */
  readonly zone?: 'local';
}

const timePattern = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?$/i;

/** For `Option.argParser`: ISO 8601, local time when no zone is given. */
export function timeArgument(text: string): GivenTime {
  const match = timePattern.exec(text.trim());
  const time = match && readTime(match);
  if (!match || !time || Number.isNaN(time.getTime())) {
    throw new InvalidArgumentError('Write a time as 2026-11-22T08:15:00Z, 2026-11-22T09:15:00+01:00, or without zone.');
  }
  return match[7] === undefined ? { time, zone: 'local' } : { time };
}

function readTime([, year, month, day, hour = '0', minute = '0', second = '0', zone]: RegExpExecArray): Date {
  const fields = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [y, mo, d, h, mi, s] = fields;
  // A day or an hour that does not exist must not slide into another.
  const utc = new Date(Date.UTC(y, mo - 1, d, h, mi, s));
  const exists = utc.getUTCMonth() === mo - 1 && utc.getUTCDate() === d && h < 24 && mi < 60 && s < 60;
  if (!exists) return new Date(Number.NaN);
  if (zone === undefined) return localTime(new Date(y, mo - 1, d, h, mi, s), h, mi);
  return new Date(utc.getTime() - zoneMinutes(zone) * 60_000);
}

/** What clocks are put forward or back by, in minutes. */
const clockChanges = [20, 30, 40, 60, 120];

/** Refuses what clocks have shown twice, or never. */
function localTime(time: Date, hour: number, minute: number): Date {
  if (time.getHours() !== hour || time.getMinutes() !== minute) {
    throw new InvalidArgumentError('Clocks never showed this time: they were put forward. Add a zone: Z, or +01:00.');
  }
  const shows = (ms: number): boolean => {
    const other = new Date(ms);
    return other.getHours() === hour && other.getMinutes() === minute && other.getDate() === time.getDate();
  };
  const twice = clockChanges
    .flatMap((minutes) => [-minutes, minutes])
    .find((by) => shows(time.getTime() + by * 60_000));
  if (twice === undefined) return time;
  const [first, second] = [time.getTime(), time.getTime() + twice * 60_000].sort((a, b) => a - b);
  throw new InvalidArgumentError(
    `Clocks showed this time twice, when they were put back: write ${formatTime(first! / 1000)} or ${formatTime(second! / 1000)}.`,
  );
}

function zoneMinutes(zone: string): number {
  if (/^z$/i.test(zone)) return 0;
  const digits = zone.slice(1).replace(':', '');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2) || '0');
  return zone.startsWith('-') ? -minutes : minutes;
}

/** The group of the options every command has, in its help. */
export const commonHeading = 'Common options:';

const prompt = '  $ ';

/** Examples for the end of a command's help. */
export function examples(...commands: readonly string[]): string {
  return `\nExamples:\n${commands.map((line) => `${prompt}${line}\n`).join('')}`;
}

/** The lines that `examples` put there. */
export function examplesOf(command: Command): readonly string[] {
  const output = command.configureOutput();
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
  command.configureOutput(output);
  const lines = text.split('\n').filter((line) => line.startsWith(prompt));
  return lines.map((line) => line.slice(prompt.length));
}
