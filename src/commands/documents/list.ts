import { Command } from 'commander';
import { metadataJson, type DocumentEntry, type MetadataItem } from '../../engine/documents/metadata.ts';
import { toJson } from '../../output/json.ts';
import { formatBytes, formatCount, inOneLine } from '../../output/text.ts';
import { findContainer, withContainerSource } from '../container-source.ts';
import { withCommonOptions, type CommandContext } from '../context.ts';
import { onStores } from '../stores.ts';
import { examples } from '../options.ts';
import { withOpenContainer, withSelection, type OpenContainer, type SelectionOptions } from './selection.ts';

interface ListOptions extends SelectionOptions {
  readonly sizes: boolean;
}

export function documentsListCommand(context: CommandContext): Command {
  const command = new Command('list')
    .summary('list documents with their sizes and metadata')
    .description(
      'List the documents in a container, in the order in which they were put: name, size of the XML, metadata with types. ' +
        'With --json, a document a line. What cannot be read is named, and the exit status tells.',
    )
    .argument('<container>', 'a container file; or its name in an environment, with --repo, --home or --from')
    .argument('[names...]', 'names or patterns: * stands for any text, ? for one character (default: all documents)')
    .option('--no-sizes', 'do not measure documents: of containers that store nodes, each node is read for that');
  return withCommonOptions(withContainerSource(withSelection(command)))
    .addHelpText(
      'after',
      examples(
        'figaro-backup documents list /restore/env/docs.dbxml',
        "figaro-backup documents list docs.dbxml 'order-2026*' --repo /backup/env --to-time 2026-11-22T08:15:00Z",
        'figaro-backup documents list docs.dbxml --home /srv/env --metadata status=open --json',
      ),
    )
    .action(
      onStores(context, async (name: string, names: readonly string[], options: ListOptions) => {
        const source = findContainer(context, command, name, options);
        await withOpenContainer(context, options, source, names, (open) => list(context, options, open));
      }),
    );
}

async function list(context: CommandContext, options: ListOptions, open: OpenContainer): Promise<void> {
  const { results } = context;
  let count = 0;
  let bytes = 0;
  for await (const entry of open.entries()) {
    const { size, warnings, problem } = await measure(entry, options, open);
    count += 1;
    bytes += size ?? 0;
    results.write(
      options.json
        ? toJson({ ...context.envelope, ...fieldsOf(entry, open), size, problem, ...noted(warnings) }, true)
        : linesOf(entry, size),
    );
    context.warn(options, warnings);
    await results.flush();
    if (results.isClosed) return;
  }
  open.requireFound();
  if (!options.json) {
    results.write(`${formatCount(count, 'document')}${options.sizes ? `, ${formatBytes(bytes)}` : ''}\n`);
  }
  const error = open.refusals.error();
  if (error) throw error;
}

interface Measured {
  /** In bytes; undefined where it was not measured. */
  readonly size: number | undefined;
  readonly warnings: readonly string[];
  /** What keeps it from being read. */
  readonly problem: string | undefined;
}

async function measure(entry: DocumentEntry, { sizes }: ListOptions, open: OpenContainer): Promise<Measured> {
  const warnings: string[] = [];
  let { problem } = entry;
  if (problem !== undefined) open.refuse(open.container.damagedEntry(entry, problem));
  if (!sizes) return { size: undefined, warnings, problem };
  let size = 0;
  try {
    for await (const piece of open.container.content(entry, (warning) => warnings.push(warning))) size += piece.length;
    return { size, warnings, problem };
  } catch (error) {
    open.refuse(error);
    problem ??= (error as Error).message;
    return { size: undefined, warnings, problem };
  }
}

function fieldsOf({ id, name, metadata }: DocumentEntry, { container }: OpenContainer): object {
  return { container: container.name, id, name, metadata: metadata.map(metadataJson) };
}

function noted(warnings: readonly string[]): object {
  return warnings.length > 0 ? { warnings } : {};
}

/** The longest value that is shown whole, in characters. */
const shownLength = 60;

/** A line for the document, and one for each item of metadata but the name. */
function linesOf({ id, name, metadata }: DocumentEntry, size: number | undefined): string {
  const shownSize = (size === undefined ? '-' : formatBytes(size)).padStart(10);
  const shownName = name === undefined ? `(document ${id}, whose name is lost)` : inOneLine(name);
  const items = metadata.filter((item) => !isName(item, name)).map((item) => `${' '.repeat(14)}${itemText(item)}\n`);
  return `${shownSize}  ${shownName}\n${items.join('')}`;
}

function isName(item: MetadataItem, name: string | undefined): boolean {
  return item.name === 'name' && item.uri !== '' && item.value === name;
}

function itemText({ uri, name, type, value }: MetadataItem): string {
  const fullName = inOneLine(uri === '' ? name : `{${uri}}${name}`);
  if (typeof value !== 'string') return `${fullName} = ${formatBytes(value.length)} (${type})`;
  const shown = value.length > shownLength ? `${value.slice(0, shownLength)}…` : value;
  return `${fullName} = ${inOneLine(shown)} (${type})`;
}
