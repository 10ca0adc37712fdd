/** An environment as text. */

import { type InspectedDatabase, type InspectedEnvironment } from '../engine/inspect/inspected.ts';
import { type InspectedLog, type LogContents } from '../engine/inspect/log.ts';
import { formatLsn } from '../format/lsn.ts';
import { oldestReleaseOf } from '../format/releases.ts';
import { caution } from './styles.ts';
import { formatBytes, formatCount, formatTime, inOneLine, table } from './text.ts';
import { standardExternalDirectory } from '../format/names.ts';

/** What was inspected. */
interface Inspection {
  /** It is not a copy: processes may use it. */
  readonly isOriginal: boolean;
  /** What the copy is, in words. */
  readonly copyOf: string | undefined;
}

export function describeEnvironment(inspected: InspectedEnvironment, { isOriginal, copyOf }: Inspection): string {
  const { environment, databases, log, risks } = inspected;
  const rows: string[][] = copyOf === undefined ? [] : [['this is', copyOf]];
  rows.push(['library', libraryText(inspected)]);
  if (isOriginal) rows.push(['in use', inspected.usedBy ?? 'by no process that could be seen']);
  rows.push(...configRows(inspected), ...outsideRows(inspected), ...otherFileRows(inspected), ...logRows(log));
  const parts = [
    `${inOneLine(environment.home)}: ${formatCount(databases.length, 'database file')}, ${log ? formatCount(log.files, 'log file') : 'no log'}\n` +
      indent(table(rows.map((row) => row.map(inOneLine)))),
    ...(databases.length > 0 ? [databaseTable(databases)] : []),
    risks.length === 0 ? 'no risks are known\n' : `${formatCount(risks.length, 'risk')}:\n`,
  ];
  const lines = risks.map(({ message, advice }) => `  - ${caution(inOneLine(message))}\n    ${inOneLine(advice)}\n`);
  return `${parts.join('\n')}${lines.join('')}`;
}

function libraryText({ region, log, databases }: InspectedEnvironment): string {
  const versions = log?.contents?.versions ?? [];
  const parts: string[] = [];
  if (region) parts.push(`${region.library}, by its region files`);
  if (versions.length > 0) {
    const names = versions.map(({ version, release }) => release ?? `unknown (log version ${version})`);
    parts.push(`${names.join(', then ')}, by its log`);
  } else {
    const oldest = oldestReleaseOf(databases.map(({ format }) => format));
    if (oldest !== undefined) parts.push(`${oldest} or later, by its databases`);
  }
  return parts.length === 0 ? 'not known' : `Berkeley DB ${parts.join('; ')}`;
}

function configRows({ environment: { config, files } }: InspectedEnvironment): string[][] {
  const { dataDirectories, createDirectory, logDirectory, externalFileDirectory, flags } = config;
  if (!files.some(({ kind }) => kind === 'config')) return [['DB_CONFIG', 'none']];
  const parts = [
    ...(dataDirectories.length > 0 ? [`data in ${dataDirectories.join(', ')}`] : []),
    ...(createDirectory === undefined ? [] : [`new databases in ${createDirectory}`]),
    ...(logDirectory === undefined ? [] : [`log in ${logDirectory}`]),
    ...(externalFileDirectory === standardExternalDirectory ? [] : [`external files in ${externalFileDirectory}`]),
    ...flags,
  ];
  return [['DB_CONFIG', parts.length === 0 ? 'nothing that matters to backups' : parts.join('; ')]];
}

/** What the directories are that have names of ours: here, in sets, and in what is recovered of them. */
function outsideRows({ environment: { insideNames = new Map<string, string>() } }: InspectedEnvironment): string[][] {
  const named = [...insideNames].filter(([, name]) => name !== '.');
  return named.map(([directory, name], i) => [i === 0 ? 'outside' : '', `${directory}, called ${name}`]);
}

const kindNames = {
  placeholder: ['placeholder of an open transaction', 'placeholders of open transactions'],
  'queue-extent': ['extent of a queue', 'extents of queues'],
  'external-file': ['external file', 'external files'],
} as const;

function otherFileRows({ kinds }: InspectedEnvironment): string[][] {
  const parts: string[] = [];
  for (const [kind, [one, many]] of Object.entries(kindNames)) {
    const totals = kinds[kind as keyof typeof kindNames];
    if (totals) parts.push(`${formatCount(totals.files, one, many)}, ${formatBytes(totals.size)}`);
  }
  return parts.length === 0 ? [] : [['other files', parts.join('; ')]];
}

function logRows(log: InspectedLog | undefined): string[][] {
  if (!log) return [];
  const { files, firstFile, lastFile, size, directory, encrypted, contents, problem } = log;
  const where = directory === '' ? '' : ` in ${directory}`;
  const range = firstFile === lastFile ? `${firstFile}` : `${firstFile} to ${lastFile}`;
  const what = `${formatCount(files, 'file')}, ${range}${where}, ${formatBytes(size)}${encrypted ? ', encrypted' : ''}`;
  return [['log', what], ...(contents ? contentRows(contents) : [['', `cannot be read: ${problem!.message}`]])];
}

function contentRows({ versions, first, end, checkpoint, bytesToRedo, endsInCheckpoint }: LogContents): string[][] {
  const versionText = versions.map(({ version, firstFile, lastFile }) =>
    versions.length === 1 ? `${version}` : `${version} (files ${firstFile} to ${lastFile})`,
  );
  const torn = end.damage ? ', where it is damaged' : end.torn ? ', in the middle of a record' : '';
  const rows = [
    ['log version', versionText.join(', ')],
    ['log reaches', `from ${formatLsn(first)} to ${formatLsn(end.lsn)}${torn}`],
    ['checkpoint', checkpoint ? `${formatLsn(checkpoint.lsn)} of ${formatTime(checkpoint.time)}` : 'none in this log'],
  ];
  const redo = endsInCheckpoint
    ? 'nothing: the log ends in its checkpoint'
    : bytesToRedo === undefined
      ? checkpoint
        ? 'cannot be done: log files are missing'
        : 'not known: the log has neither its beginning nor a checkpoint'
      : `${formatBytes(bytesToRedo)}, from ${formatLsn(checkpoint?.redoFrom ?? first)}`;
  return [...rows, ['to redo', redo]];
}

function databaseTable(databases: readonly InspectedDatabase[]): string {
  const header = ['file', 'kind', 'version', 'pages', 'size', 'order', 'notes'];
  const rows = databases.map(({ name, method, format, subDatabases, isXml, size, isUnlogged }) => {
    const { version, pageSize, littleEndian, checksums, encrypted } = format;
    const inside = subDatabases === undefined ? method : `${formatCount(subDatabases, 'database')}`;
    return [
      name,
      isXml ? `DB XML, ${inside}` : inside,
      String(version),
      `${pageSize} B`,
      formatBytes(size),
      littleEndian ? 'little' : 'big',
      [...(encrypted ? ['encrypted'] : checksums ? ['checksums'] : []), ...(isUnlogged ? ['not logged'] : [])].join(
        ', ',
      ),
    ].map(inOneLine);
  });
  return table([header, ...rows]);
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}
