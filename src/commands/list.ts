import { Command } from 'commander';
import { listSets, type Catalog, type ListedChain, type ListedSet } from '../engine/repository/catalog.ts';
import { checksName } from '../engine/repository/checks.ts';
import { goneOf } from '../engine/repository/missing.ts';
import { excludedFrom } from '../engine/repository/chain.ts';
import { openRepository } from '../engine/repository/repository.ts';
import { formatLsn } from '../format/lsn.ts';
import { formatBytes, formatCommit, formatCount, formatTime, inOneLine, table } from '../output/text.ts';
import { withCommonOptions, withEnvironment, type CommandContext, type CommonOptions } from './context.ts';
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
  return withCommonOptions(withEnvironment(command))
    .addHelpText(
      'after',
      examples('figaro-backup list --repo /backup/env', 'figaro-backup list --repo /backup/env --json'),
    )
    .action((_environment: string | undefined, options: ListCommandOptions) => {
      const directory = repositoryOf(options);
      const catalog = listSets(context.files, openRepository(context.files, directory));
      context.print(options, toDocument(catalog), () => describe(catalog));
    });
}

function describe({ chains, orphans, broken }: Catalog): string {
  const parts = chains.map(describeChain);
  if (orphans.length > 0) {
    parts.push(`without their chain:\n${indent(orphans.map(({ set, problem }) => [set.id, problem]))}`);
  }
  if (broken.length > 0) {
    parts.push(`not usable as sets:\n${indent(broken.map(({ id, state, problem }) => [id, `${state}: ${problem}`]))}`);
  }
  return parts.length === 0 ? 'the repository is empty\n' : parts.join('\n');
}

function describeChain({ id, sets, bytes, window, pin }: ListedChain): string {
  const { source, host, log } = sets[0]!.set.manifest;
  const reach = window
    ? `can be recovered to any commit from ${formatCommit(window.first)} to ${formatCommit(window.last)}`
    : sets.some(({ set }) => set.manifest.unread)
      ? 'encrypted, and copied without the password: what it can be recovered to is not known'
      : log
        ? 'holds no commit'
        : 'has no log: can be restored as it was copied';
  const [finding] = sets[0]!.set.manifest.unsound ?? [];
  const unsound = finding ? `  unsound, a copy of a damaged source: ${inOneLine(finding.message)}\n` : '';
  const pinned = pin ? `  pinned${pin.note === '' ? '' : `: ${inOneLine(pin.note)}`}\n` : '';
  const newSource = sets[0]!.set.manifest.newSource
    ? '  a new source: the chains before it are of another environment\n'
    : '';
  const withoutLog = sets[0]!.set.manifest.withoutLog ? '  without its log: databases as they were\n' : '';
  const gone = goneOf(sets.map(({ set }) => set))
    .map(
      ({ path, chain }) => `  gone from the source without the log saying so: ${inOneLine(path)}, last in ${chain}\n`,
    )
    .join('');
  const names = excludedFrom(sets.map(({ set }) => set)).map(inOneLine);
  const excluded =
    names.length > 0 ? `  without ${names.join(', ')}, which ${names.length > 1 ? 'were' : 'was'} excluded\n` : '';
  const title = `${id}: ${inOneLine(source)} on ${inOneLine(host)}, ${formatCount(sets.length, 'set')}, ${formatBytes(bytes)}\n  ${reach}\n${newSource}${withoutLog}${excluded}${unsound}${gone}${pinned}`;
  return title + indent(sets.map(describeSet));
}

function describeSet({ set, bytes, lastLook, lastCheck, hasDamagedChecks }: ListedSet): string[] {
  const { kind, finished, log } = set.manifest;
  const checked = hasDamagedChecks
    ? `${checksName} cannot be read: verify it again`
    : lastCheck
      ? `verified ${formatTime(lastCheck.time)}${lastCheck.findings > 0 ? `: ${formatCount(lastCheck.findings, 'finding')}` : ''}`
      : '';
  const look = lastLook === undefined ? '' : `nothing newer ${formatTime(lastLook)}`;
  const notes = [look, checked].filter(Boolean).join(', ');
  return [set.id, kind, formatTime(finished), formatBytes(bytes), log ? formatLsn(log.end) : '', notes];
}

function indent(rows: readonly (readonly string[])[]): string {
  return table(rows).replaceAll(/^(?=.)/gm, '    ');
}

function toDocument({ chains, orphans, broken }: Catalog): object {
  return {
    chains: chains.map(({ sets, ...chain }) => ({ ...chain, sets: sets.map(setDocument) })),
    orphans: orphans.map(({ problem, ...set }) => ({ ...setDocument(set), problem })),
    broken: broken.map(({ id, state, problem }) => ({ id, state, problem })),
  };
}

/** A set in a list: its manifest without what is in it file by file. */
export function setDocument({ set, bytes, lastLook, lastCheck, lastRehearsal, hasDamagedChecks }: ListedSet): object {
  const { files, leftOut: _leftOut, ...manifest } = set.manifest;
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
