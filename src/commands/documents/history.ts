import { Command } from 'commander';
import { type DocumentEvent, type DocumentHistory } from '../../engine/history/document-events.ts';
import { readDocumentHistory } from '../../engine/history/document-history.ts';
import { isProven } from '../../engine/repository/chain.ts';
import { requireIntactLog } from '../../engine/verify/intact.ts';
import { formatTxnId } from '../../engine/recovery/restore-point.ts';
import { FigaroError } from '../../errors.ts';
import { formatLsn } from '../../format/lsn.ts';
import { formatBytes, formatCommit, formatTime, inOneLine, shellWord, table } from '../../output/text.ts';
import { withCacheSize } from '../container-source.ts';
import { withCommonOptions, type CommandContext } from '../context.ts';
import { examples } from '../options.ts';
import { unlockedFiles } from '../password.ts';
import { onStores } from '../stores.ts';
import { findEnvironment, withSource, type SourceOptions } from '../source.ts';

interface HistoryOptions extends SourceOptions {
  readonly cacheSize?: number;
}

export function documentsHistoryCommand(context: CommandContext): Command {
  const command = new Command('history')
    .summary('show when a document was put, changed and deleted')
    .description(
      'Show when a document was put, changed and deleted, as far as a log goes back, with the command that gets each version back. The ' +
        'log is read once, and the container recovered in memory along with it; nothing is written. `logs timeline` shows ' +
        'what else was committed at that time, and `diff` what else a transaction changed.',
    )
    .argument('<container>', 'the name of the container in its environment')
    .argument('<name>', 'the document');
  return withCommonOptions(withCacheSize(withSource(command.optionsGroup('Which log:'), 'the log of').optionsGroup('')))
    .addHelpText(
      'after',
      examples(
        'figaro-backup documents history docs.dbxml order-2026-17 --repo /backup/env',
        'figaro-backup documents history docs.dbxml order-2026-17 --home /srv/env --json',
      ),
    )
    .action(
      onStores(context, async (container: string, name: string, options: HistoryOptions) => {
        const { files, environment, chain, recoverOptions } = findEnvironment(unlockedFiles(context, options), options);
        const history = await context.withWatch(options, async (watch) => {
          if (chain) await requireIntactLog(files, chain, environment, watch);
          return await readDocumentHistory(files, environment, container, name, {
            cacheBytes: options.cacheSize,
            isOnDemand: chain !== undefined && isProven(chain),
            watch,
          });
        });
        const { passwordFile } = options;
        const source =
          recoverOptions + (passwordFile === undefined ? '' : ` --password-file ${shellWord(passwordFile)}`);
        const { events, covered } = history;
        if (events.length === 0) throw notFound(container, name, history);
        const commandFor = (event: DocumentEvent): string => {
          const words = `${shellWord(container)} ${shellWord(name)}`;
          const rest = `${source} --to-lsn '${formatLsn(event.lsn)}'`;
          // What begins with a hyphen is no option.
          const isPlain = ![container, name].some((word) => word.startsWith('-'));
          return `figaro-backup documents get ${isPlain ? `${words} ${rest}` : `${rest} -- ${words}`}`;
        };
        const document = {
          container,
          name,
          from: covered!.first,
          to: covered!.last,
          events: events.map((event) => fieldsOf(event, commandFor(event))),
        };
        context.print(options, document, () => textOf(history, commandFor));
      }),
    );
}

function notFound(container: string, name: string, { covered }: DocumentHistory): FigaroError {
  const span = covered
    ? `from ${formatCommit(covered.first)} to ${formatCommit(covered.last)}`
    : 'in this log, which holds no commit';
  return new FigaroError('document-missing', `${container} never held a document ${name} ${span}`, {
    path: container,
    hint: 'see which ones it holds with `figaro-backup documents list`; an older chain may have it.',
  });
}

function fieldsOf({ kind, lsn, time, txnId, version, ...changes }: DocumentEvent, command: string): object {
  return {
    change: kind,
    lsn,
    time,
    ...(txnId === undefined ? {} : { transaction: formatTxnId(txnId) }),
    ...(version && { id: version.id, size: version.size, sha256: version.sha256, command }),
    ...(kind === 'changed' ? changes : {}),
  };
}

const words = { there: 'was there', put: 'put', changed: 'changed', deleted: 'deleted' } as const;

function textOf({ events, covered }: DocumentHistory, commandFor: (event: DocumentEvent) => string): string {
  const rows = events.map((event) => [
    formatTime(event.time),
    formatLsn(event.lsn),
    event.txnId === undefined ? '' : formatTxnId(event.txnId),
    words[event.kind] + whatChanged(event),
    event.version ? formatBytes(event.version.size) : '',
  ]);
  const lines = table([['committed', 'LSN', 'transaction', 'document', 'size'], ...rows]);
  const versions = events.filter(({ version }) => version !== undefined);
  const commands = versions.map((event) => `  ${inOneLine(commandFor(event))}\n`).join('');
  const span = `the log covers ${formatCommit(covered!.first)} to ${formatCommit(covered!.last)}\n`;
  return `${lines}${span}\nto get each version back:\n${commands}`;
}

function whatChanged({ kind, contentChanged, metadataChanged }: DocumentEvent): string {
  if (kind !== 'changed') return '';
  const what = [...(contentChanged ? ['content'] : []), ...(metadataChanged ? ['metadata'] : [])];
  return ` (${what.join(', ')})`;
}
