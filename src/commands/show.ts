import { Command } from 'commander';
import { takeInventory } from '../engine/database/inventory.ts';
import { type XmlInventory } from '../engine/database/xml-inventory.ts';
import { filesOfKind, logPaths, type Environment } from '../engine/environment/environment.ts';
import { type Files } from '../engine/files/files.ts';
import { readHistory, type History } from '../engine/history/history.ts';
import { openLog } from '../engine/log/log-files.ts';
import { isUnrehearsed, listSets, type ListedChain, type ListedSet } from '../engine/repository/catalog.ts';
import { chainEnvironment, excludedFrom, newerThan, type Chain } from '../engine/repository/chain.ts';
import { findChain, isNewestWanted } from '../engine/repository/find-chain.ts';
import { checksName } from '../engine/repository/checks.ts';
import { commitsAdded } from '../engine/repository/coverage.ts';
import { goneOf } from '../engine/repository/missing.ts';
import { notOnWindows, type NotOnWindows } from '../engine/repository/names-on-windows.ts';
import { openRepository, readSets, type Repository } from '../engine/repository/repository.ts';
import { type Watch } from '../engine/pause.ts';
import { rehearsalOf } from '../engine/repository/retention.ts';
import { FigaroError, isOfTheRun } from '../errors.ts';
import { formatLsn } from '../format/lsn.ts';
import { leftOutLines } from '../output/left-out.ts';
import { describeNotOnWindows } from '../output/not-on-windows.ts';
import { bad, caution } from '../output/styles.ts';
import { type Manifest } from '../engine/repository/manifest.ts';
import { formatBytes, formatCommit, formatCount, formatTime, inOneLine, shellWord, table } from '../output/text.ts';
import { drawTimeline, type Mark } from '../output/timeline.ts';
import { withCommonOptions, withEnvironment, type CommandContext, type CommonOptions } from './context.ts';
import { onStores } from './stores.ts';
import { repositoryOf } from './directories.ts';
import { setDocument } from './list.ts';
import { examples } from './options.ts';
import { unlockedFiles, withPasswordOption, type PasswordOptions } from './password.ts';

interface ShowOptions extends CommonOptions, PasswordOptions {
  readonly repo?: string;
  readonly chain?: string;
  readonly timeline?: true;
  readonly inventory: boolean;
}

export function showCommand(context: CommandContext): Command {
  const command = new Command('show')
    .summary('show one chain: its sets, its containers, when what was committed')
    .description(
      'Show a chain of backup sets: what it can be recovered to, when it was last proven, verified and rehearsed, its sets ' +
        'and its containers. --timeline draws when it was backed up and how much was committed when.',
    )
    .option('--repo <dir>', 'the repository (or $FIGARO_BACKUP_REPO)')
    .option('--chain <set>', 'the chain of this set (default: the newest)')
    .option('--timeline', 'draw commits, backups and restore points over time')
    .option('--no-inventory', 'do not count what is in the containers: nothing but manifests and first pages is read');
  return withCommonOptions(withEnvironment(withPasswordOption(command)))
    .addHelpText(
      'after',
      examples('figaro-backup show --repo /backup/env', 'figaro-backup show --repo /backup/env --timeline'),
    )
    .action(
      onStores(context, async (_environment: string | undefined, options: ShowOptions) => {
        const files = unlockedFiles(context, options);
        const directory = repositoryOf(options);
        const shown = await context.withWatch(options, async (watch) => {
          const { chain, listed, newer } = findListed(files, openRepository(files, directory), options.chain);
          const environment = chainEnvironment(files, chain);
          const paths = logPaths(environment);
          const history =
            options.timeline && paths.size > 0
              ? await readHistory(files, openLog(files, paths), { largest: 0 }, watch)
              : undefined;
          const containers = await lookInto(files, environment, options.inventory, watch);
          const unfit = notOnWindows(chain.sets.map(({ manifest }) => manifest));
          return { listed, newer, containers, history, notOnWindows: unfit };
        });
        context.warn(options, shown.newer);
        context.print(options, toDocument(shown), () => describe(shown, directory));
      }),
    );
}

interface Shown {
  readonly listed: ListedChain;
  /** Newer sets that cannot be used, one sentence each. */
  readonly newer: readonly string[];
  readonly containers: readonly ShownContainer[];
  /** Of its log, when it was asked for. */
  readonly history: History | undefined;
  readonly notOnWindows: readonly NotOnWindows[];
}

function findListed(
  files: Files,
  repository: Repository,
  id: string | undefined,
): { readonly chain: Chain; readonly listed: ListedChain; readonly newer: readonly string[] } {
  const { sets, broken } = readSets(files, repository);
  const chain = findChain(sets, id === undefined ? {} : { chain: id }, broken);
  const listed = listSets(files, repository).chains.find((one) => one.id === chain.id)!;
  const newer = isNewestWanted(id) ? newerThan(chain, sets, broken) : [];
  return { chain, listed, newer: newer.map((set) => `${set.id} is newer than ${chain.id}, and ${set.problem}`) };
}

function describe({ listed, containers, history, notOnWindows: unfit }: Shown, directory: string): string {
  const { id, sets, bytes, window, pin } = listed;
  const { source, host, log, warnings, consolidated } = sets[0]!.set.manifest;
  const newest = sets.at(-1)!.set.manifest;
  const rehearsed = rehearsalOf(listed);
  const excluded = excludedFrom(sets.map(({ set }) => set)).map(inOneLine);
  const facts = [
    ['source', `${source} on ${host}`],
    ...(consolidated
      ? [['made of', `${consolidated.chain} up to ${consolidated.set}, at ${formatTime(consolidated.finished)}`]]
      : []),
    ...(excluded.length > 0 ? [['excluded', `${excluded.join(', ')}: no recovery brings back what is not in it`]] : []),
    ...(unfit.length > 0 ? [['on Windows', describeNotOnWindows(unfit)]] : []),
    ...(newest.withoutLog ? [['log', 'gone: databases were taken as they are']] : []),
    ['size', `${formatBytes(bytes)} in ${formatCount(sets.length, 'set')}`],
    ...(window
      ? [
          ['earliest restore point', formatCommit(window.first)],
          ['latest restore point', formatCommit(window.last)],
        ]
      : [
          [
            'restores to',
            log ? 'the end of each set: it is not known what was committed' : 'each set as it was copied',
          ],
        ]),
    ['proven', provenAt(sets.at(-1)!)],
    ['verified', lastVerified(sets)],
    ['rehearsed', rehearsed === undefined ? whenMade(sets) : formatTime(rehearsed)],
    ...notCompared(sets),
    ...(pin ? [['pinned', pin.note === '' ? 'yes' : pin.note]] : []),
    ...(newest.log
      ? [['log', `files ${newest.log.firstFile} to ${newest.log.lastFile}, up to ${formatLsn(newest.log.end)}`]]
      : []),
  ];
  const parts = [
    `${id}\n${indent(facts)}`,
    `sets:\n${indent(setRows(sets))}`,
    `containers, without what is in the log only:\n${containerLines(containers)}`,
  ];
  const gone = goneOf(sets.map(({ set }) => set));
  if (gone.length > 0) {
    const rows = gone.map((entry) => [inOneLine(entry.path), `last in ${entry.chain}`]);
    parts.push(`gone from the source without the log saying so:\n${indent(rows)}`);
  }
  const { leftOut } = newest;
  if (leftOut.length > 0) parts.push(`in the source, and not in the chain:\n${leftOutLines(leftOut).join('\n')}\n`);
  if (warnings.length > 0) parts.push(`said when it was made:\n${indent(warnings.map((warning) => [warning]))}`);
  if (history) parts.push(timeline(listed, history));
  if (window) {
    parts.push(
      `recover it to the end, or to any commit with --to-time or --to-lsn:\n  figaro-backup recover --repo ${shellWord(directory)} --chain ${id} --to DIR\n`,
    );
  }
  return parts.join('\n');
}

/** When the newest set was proven, and what was not looked at. */
function provenAt(newest: ListedSet): string {
  const { unread, unsound, proof, finished, consolidated, log }: Manifest = newest.set.manifest;
  if (unread && newest.lastRehearsal) return `${formatTime(newest.lastRehearsal.time)}, by a rehearsal`;
  // Of what was copied without the password, no commit is known.
  if (unread && log?.lastCommit) return 'not yet: nothing opened the sets before it when it was made';
  if (unread) return 'not: it is encrypted, and was copied without the password';
  if (unsound) return `not: it is a copy of a damaged source: ${unsound[0]!.message}`;
  const at = formatTime(consolidated?.finished ?? finished);
  if (proof?.structure) return at;
  const what = log ? 'recovery only; the structure of its databases' : 'not: its databases';
  return `${log ? `${at}, ` : ''}${what} ${log ? 'was' : 'were'} not checked. Run \`verify --rehearse\``;
}

function whenMade(sets: readonly ListedSet[]): string {
  const missing = sets.filter(isUnrehearsed).length;
  if (missing === 0) return 'only when it was made';
  const which = missing === sets.length ? '' : `, ${formatCount(missing, 'set')} of ${sets.length}`;
  return `not yet${which}: run \`verify --rehearse\``;
}

/** What a rehearsal cannot make up for: it reads the sets, and not the source as it was (docs/limits.md, bulk transactions). */
function notCompared(sets: readonly ListedSet[]): string[][] {
  // One that was compared makes up for those before it.
  const last = sets.findLastIndex(({ set: { manifest } }) => manifest.kind !== 'incremental' || !manifest.unread);
  const length = sets.length - 1 - last;
  if (length === 0) return [];
  const which = formatCount(length, 'incremental');
  return [['not compared', `${which} with the source: rows of bulk transactions may be missing`]];
}

function lastVerified(sets: readonly ListedSet[]): string {
  const damaged = sets.filter(({ hasDamagedChecks }) => hasDamagedChecks).map(({ set }) => set.id);
  if (damaged.length > 0) return `not known: ${checksName} of ${damaged.join(', ')} cannot be read: verify it again`;
  const checks = sets.map(({ lastCheck }) => lastCheck).filter((check) => check !== undefined);
  const findings = checks.reduce((sum, check) => sum + check.findings, 0);
  const unchecked = sets.length - checks.length;
  if (checks.length === 0) return 'never';
  const newest = checks
    .map(({ time }) => time)
    .sort()
    .at(-1)!;
  const rest = unchecked > 0 ? `, ${formatCount(unchecked, 'set')} not yet verified` : '';
  return `${formatTime(newest)}: ${findings === 0 ? 'no problems' : formatCount(findings, 'finding')}${rest}`;
}

/** A line for each set, whose kind is in its name. */
function setRows(sets: readonly ListedSet[]): string[][] {
  const added = commitsAdded(sets);
  return sets.map((listed, i) => [
    listed.set.id,
    formatTime(listed.set.manifest.finished),
    formatBytes(listed.bytes),
    added[i] === undefined ? '' : `${i > 0 ? '+' : ''}${formatCount(added[i], 'commit')}`,
    listed.lastCheck && listed.lastCheck.findings > 0
      ? bad(formatCount(listed.lastCheck.findings, 'finding'))
      : isUnrehearsed(listed)
        ? caution('not yet rehearsed')
        : '',
  ]);
}

/** A container as the chain has it on disk; what is in the log only is not in it. */
interface ShownContainer {
  readonly name: string;
  /** In bytes, as the next. */
  readonly size: number;
  readonly pageSize: number;
  readonly method: string;
  /** Undefined when nobody counted. */
  readonly databases?: number;
  readonly records?: number;
  readonly xml?: Pick<XmlInventory, 'storage' | 'documents' | 'indexes'>;
  /** Why it could not be counted, or only in part. */
  readonly problem?: string;
}

async function lookInto(
  files: Files,
  environment: Environment,
  count: boolean,
  watch: Watch,
): Promise<readonly ShownContainer[]> {
  const shown: ShownContainer[] = [];
  for (const { name, path, stat, format } of filesOfKind(environment, 'database')) {
    const container = { name, size: stat.size, pageSize: format.pageSize, method: format.method };
    shown.push(count ? { ...container, ...(await countIn(files, path, watch)) } : container);
  }
  return shown;
}

async function countIn(files: Files, path: string, watch: Watch): Promise<Partial<ShownContainer>> {
  try {
    const { databases, xml, findings } = await takeInventory(files, path, watch);
    return {
      databases: databases.length,
      records: databases.reduce((sum, { records = 0 }) => sum + records, 0),
      // A copy made while the application wrote need not fit together without its log.
      ...(findings[0] && { problem: `counted in part: ${findings[0].message}` }),
      ...(xml && { xml: { storage: xml.storage, documents: xml.documents, indexes: xml.indexes } }),
    };
  } catch (error) {
    if (!(error instanceof FigaroError) || isOfTheRun(error)) throw error;
    return { problem: `not counted: ${error.message}` };
  }
}

/** A line for each container, and what is in it below. */
function containerLines(containers: readonly ShownContainer[]): string {
  const rows = containers.map(({ name, size, pageSize, method, records }) => [
    name,
    formatBytes(size),
    `pages of ${pageSize}`,
    method,
    ...(records === undefined ? [] : [formatCount(records, 'record')]),
  ]);
  const lines = indent(rows).trimEnd().split('\n');
  return containers.map((container, i) => `${lines[i]}\n${contentLines(container)}`).join('');
}

function contentLines({ databases, xml, problem }: ShownContainer): string {
  const parts: string[] = [];
  if (databases !== undefined) parts.push(formatCount(databases, 'database'));
  if (xml) {
    const storage = xml.storage === undefined ? '' : xml.storage === 'node' ? ' stored by nodes' : ' stored whole';
    parts.push(`${formatCount(xml.documents, 'document')}${storage}`, formatCount(xml.indexes.length, 'indexed name'));
  }
  const contents = parts.length === 0 ? '' : `    ${parts.join(', ')}\n`;
  return contents + (problem === undefined ? '' : `    ${inOneLine(problem)}\n`);
}

function timeline(listed: ListedChain, history: History): string {
  if (history.commits === 0) return 'nothing was committed\n';
  return `${formatCount(history.commits, 'commit')} over time:\n${drawTimeline(history.seconds, marksOf(listed))}`;
}

/** Where backups ended, and between which commits recovery can end. */
function marksOf({ sets, window }: ListedChain): Mark[] {
  const backups = sets.map(({ set }) => ({
    time: Math.floor(Date.parse(set.manifest.finished) / 1000),
    text: set.id,
  }));
  if (!window) return backups;
  return [
    { time: window.first.time, text: `earliest restore point ${formatLsn(window.first.lsn)}` },
    ...backups,
    { time: window.last.time, text: `latest restore point ${formatLsn(window.last.lsn)}` },
  ];
}

function toDocument({ listed, containers, history, notOnWindows: unfit }: Shown): object {
  const { sets, ...chain } = listed;
  return {
    ...chain,
    rehearsed: rehearsalOf(listed),
    sets: sets.map(setDocument),
    containers,
    ...(unfit.length > 0 ? { notOnWindows: unfit } : {}),
    ...(history && {
      commits: history.commits,
      timeline: history.seconds,
    }),
  };
}

function indent(rows: readonly (readonly string[])[]): string {
  return table(rows).replaceAll(/^(?=.)/gm, '  ');
}
