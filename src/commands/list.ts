import { Command } from 'commander';
import {
  isUnrehearsed,
  listSets,
  type Catalog,
  type ListedChain,
  type ListedSet,
} from '../engine/repository/catalog.ts';
import { type BrokenSet } from '../engine/repository/backup-set.ts';
import { checksName } from '../engine/repository/checks.ts';
import { goneOf } from '../engine/repository/missing.ts';
import { excludedFrom } from '../engine/repository/chain.ts';
import { openRepository } from '../engine/repository/repository.ts';
import { type WriterRun } from '../engine/repository/writer.ts';
import { bad, caution, good } from '../output/styles.ts';
import { formatBytes, formatCommit, formatCount, formatTime, inOneLine, table } from '../output/text.ts';
import { describeWriter } from '../output/writer.ts';
import { withCommonOptions, withEnvironments, type CommandContext, type CommonOptions } from './context.ts';
import { onStores } from './stores.ts';
import { repositoryOf } from './directories.ts';
import { examples } from './options.ts';

interface ListCommandOptions extends CommonOptions {
  readonly repo?: string;
}

export function listCommand(context: CommandContext): Command {
  const command = new Command('list')
    .summary('list backup sets and what they can be recovered to')
    .description(
      'List the backup sets of a repository by chains: their sizes, and the span of time each chain can be recovered to. ' +
        'Sets that are damaged, unfinished or without their parent are listed apart.',
    )
    .option('--repo <dir>', 'the repository (or $FIGARO_BACKUP_REPO)');
  return withCommonOptions(withEnvironments(command))
    .addHelpText(
      'after',
      examples('figaro-backup list --repo /backup/env', 'figaro-backup list --repo /backup/env --json'),
    )
    .action(
      onStores(context, (_environment: string | undefined, options: ListCommandOptions) => {
        const directory = repositoryOf(options);
        const catalog = listSets(context.files, openRepository(context.files, directory));
        context.print(options, toDocument(catalog), () => describe(catalog));
      }),
    );
}

function describe({ chains, orphans, broken, run, underWay }: Catalog): string {
  const parts = chains.map(describeChain);
  if (orphans.length > 0) {
    parts.push(`without their chain:\n${indent(orphans.map(({ set, problem }) => [caution(set.id), problem]))}`);
  }
  if (broken.length > 0) {
    parts.push(
      `not usable as sets:\n${indent(broken.map(({ id, state, problem }) => [id, `${bad(state)}: ${inOneLine(problem)}`]))}`,
    );
  }
  if (run) parts.push(describeRun(run, underWay, broken));
  if (chains.length === 0 && orphans.length === 0 && broken.length === 0) parts.unshift('the repository is empty\n');
  return parts.join('\n');
}

function describeRun(run: WriterRun, underWay: readonly BrokenSet[], broken: readonly BrokenSet[]): string {
  const isOver = run.state === 'over';
  const about = `${isOver ? caution('a run that did not finish') : 'in progress'}: ${describeWriter(run)}\n`;
  if (!isOver) return about + indent(underWay.map(({ id }) => [id, 'not finished yet']));
  const left = broken.some(({ state }) => state === 'incomplete') ? ', and removes what is incomplete' : '';
  return `${about}    the next one that writes takes over its lock${left}\n`;
}

function describeChain({ id, sets, bytes, window, pin }: ListedChain): string {
  const { source, host, log, unsound, newSource, withoutLog, consolidated } = sets[0]!.set.manifest;
  const all = sets.map(({ set }) => set);
  const names = excludedFrom(all).map(inOneLine);
  const lines = [
    `${id}: ${inOneLine(source)} on ${inOneLine(host)}, ${formatCount(sets.length, 'set')}, ${formatBytes(bytes)}`,
    ...(window
      ? [
          `  earliest restore point  ${formatCommit(window.first)}`,
          `  latest restore point    ${formatCommit(window.last)}`,
        ]
      : [
          `  ${whyNoWindow(
            all.some(({ manifest }) => manifest.unread),
            log !== undefined,
          )}`,
        ]),
    ...(consolidated
      ? [`  made of ${consolidated.chain} up to ${consolidated.set}, at ${formatTime(consolidated.finished)}`]
      : []),
    ...(newSource ? ['  a new source: the chains before it are of another environment'] : []),
    ...(withoutLog ? ['  without its log: databases as they were'] : []),
    ...(names.length > 0 ? [`  without ${names.join(', ')}, which ${names.length > 1 ? 'were' : 'was'} excluded`] : []),
    ...(unsound?.[0] ? [bad(`  unsound, a copy of a damaged source: ${inOneLine(unsound[0].message)}`)] : []),
    ...goneOf(all).map(
      ({ path, chain }) => `  gone from the source without the log saying so: ${inOneLine(path)}, last in ${chain}`,
    ),
    ...(pin ? [`  pinned${pin.note === '' ? '' : `: ${inOneLine(pin.note)}`}`] : []),
  ];
  return `${lines.join('\n')}\n${setLines(sets)}`;
}

function whyNoWindow(isUnread: boolean, hasLog: boolean): string {
  if (isUnread) return 'encrypted, and copied without the password: what it can be recovered to is not known';
  return hasLog ? 'holds no commit' : 'has no log: can be restored as it was copied';
}

function standingOf(listed: ListedSet): string {
  const isVerified = listed.lastCheck?.findings === 0 && !listed.hasDamagedChecks;
  return [isVerified ? good('verified') : '', isUnrehearsed(listed) ? caution('not yet rehearsed') : '']
    .filter((word) => word !== '')
    .join(', ');
}

/** A line for each set; what there is to say of one below it. The kind of a set is in its name. */
function setLines(sets: readonly ListedSet[]): string {
  const rows = sets.map((listed) => [
    listed.set.id,
    formatTime(listed.set.manifest.finished),
    formatBytes(listed.bytes),
    standingOf(listed),
  ]);
  const lines = table(rows).trimEnd().split('\n');
  return sets.map((set, i) => `    ${lines[i]}\n${notesOf(set)}`).join('');
}

/** What is to be said of a set beside its line. */
function notesOf({ lastLook, lastCheck, hasDamagedChecks }: ListedSet): string {
  const notes: string[] = [];
  if (lastLook !== undefined) notes.push(`nothing newer ${formatTime(lastLook)}`);
  if (hasDamagedChecks) notes.push(bad(`${checksName} cannot be read: verify it again`));
  else if (lastCheck && lastCheck.findings > 0) {
    notes.push(bad(`${formatCount(lastCheck.findings, 'finding')} when verified at ${formatTime(lastCheck.time)}`));
  }
  return notes.map((note) => `      ${note}\n`).join('');
}

function indent(rows: readonly (readonly string[])[]): string {
  return table(rows).replaceAll(/^(?=.)/gm, '    ');
}

function toDocument({ chains, orphans, broken, run, underWay }: Catalog): object {
  return {
    chains: chains.map(({ sets, ...chain }) => ({ ...chain, sets: sets.map(setDocument) })),
    orphans: orphans.map(({ problem, ...set }) => ({ ...setDocument(set), problem })),
    broken: broken.map(({ id, state, problem }) => ({ id, state, problem })),
    run,
    underWay: underWay.map(({ id }) => id),
  };
}

/** A set in a list: its manifest without what is in it file by file. */
export function setDocument({ set, bytes, lastLook, lastCheck, lastRehearsal, hasDamagedChecks }: ListedSet): object {
  const { files, leftOut: _leftOut, settings: _settings, ...manifest } = set.manifest;
  return {
    ...manifest,
    fileCount: files.length,
    bytes,
    lastLook,
    lastCheck,
    lastRehearsal,
    ...(hasDamagedChecks ? { checksDamaged: true } : {}),
  };
}
