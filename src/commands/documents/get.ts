import { Command } from 'commander';
import { type DocumentEntry } from '../../engine/documents/metadata.ts';
import { requireOutput, writeDocuments } from '../../engine/documents/write-documents.ts';
import { FigaroError } from '../../errors.ts';
import { formatBytes, formatCount, inOneLine } from '../../output/text.ts';
import { findContainer, withContainerSource, type ContainerSource } from '../container-source.ts';
import { withCommonOptions, type CommandContext } from '../context.ts';
import { onStores } from '../stores.ts';
import { examples } from '../options.ts';
import { withOpenContainer, withSelection, type OpenContainer, type SelectionOptions } from './selection.ts';

interface GetOptions extends SelectionOptions {
  readonly output?: string;
}

export function documentsGetCommand(context: CommandContext): Command {
  const command = new Command('get')
    .summary('print documents, or write them to files')
    .description(
      'Print the XML of documents, byte for byte as the library returns it. With --output, each becomes a file of a new directory, ' +
        'and documents.json there says which file is which document, and holds the metadata. What cannot be read is named, all ' +
        'the rest comes, and the exit status tells.',
    )
    .argument('<container>', 'a container file; or its name in an environment, with --repo, --home or --from')
    .argument('[names...]', 'names or patterns: * stands for any text, ? for one character; none with --output: all')
    .option('--output <dir>', 'write to files in this directory, which must be new or empty');
  return withCommonOptions(withContainerSource(withSelection(command)))
    .addHelpText(
      'after',
      examples(
        'figaro-backup documents get docs.dbxml order-2026-17 --repo /backup/env --to-time 2026-11-22T08:15:00Z',
        "figaro-backup documents get docs.dbxml 'order-2026*' --repo /backup/env --output /tmp/orders",
        'figaro-backup documents get /restore/env/docs.dbxml --output /tmp/all',
      ),
    )
    .action(
      onStores(context, async (name: string, names: readonly string[], options: GetOptions) => {
        requireDestination(options, names);
        const source = findContainer(context, command, name, options);
        const { output } = options;
        if (output !== undefined) requireOutput(context.files, output, source.places);
        await withOpenContainer(context, options, source, names, (open) =>
          output === undefined ? print(context, open, names) : write(context, options, open, output, source),
        );
      }),
    );
}

function requireDestination({ output, json }: GetOptions, names: readonly string[]): void {
  if (output !== undefined) return;
  if (json) {
    throw new FigaroError('usage', '--json needs --output here: without it, documents are printed as they are', {
      hint: '`documents list --json` has names, sizes and metadata.',
    });
  }
  if (names.length > 0) return;
  throw new FigaroError('usage', 'no document is named', {
    hint: "name documents, or give --output DIR to get all of them; '*' prints all of them, one after another.",
  });
}

/** In the order in which they were asked for. Nothing of a document is printed before all of it was read once. */
async function print(context: CommandContext, open: OpenContainer, names: readonly string[]): Promise<void> {
  const { results } = context;
  for (const name of names) {
    for await (const entry of open.entries([name])) {
      if (!(await isReadable(open, entry))) continue;
      for await (const piece of open.container.content(entry, () => {})) {
        results.write(piece);
        await results.flush();
        if (results.isClosed) return;
      }
    }
  }
  open.requireFound();
  const error = open.refusals.error();
  if (error) throw error;
}

async function isReadable(open: OpenContainer, entry: DocumentEntry): Promise<boolean> {
  if (entry.problem !== undefined) open.refuse(open.container.damagedEntry(entry, entry.problem));
  try {
    for await (const _ of open.container.content(entry, open.warn));
    return true;
  } catch (error) {
    open.refuse(error);
    return false;
  }
}

async function write(
  context: CommandContext,
  options: GetOptions,
  open: OpenContainer,
  directory: string,
  { explain }: ContainerSource,
): Promise<void> {
  const { count, bytes } = await writeDocuments(context.files, open.container, directory, {
    entries: open.entries(),
    onRefused: (error) => open.refuse(error),
    warn: open.warn,
    requireDone: () => open.requireFound(),
  });
  const { refusals, container } = open;
  const error = refusals.error();
  if (error) context.addFailure(options, explain(error));
  const document = { container: container.name, output: directory, documents: count, bytes, refused: refusals.count };
  context.print(
    options,
    document,
    () => `${formatCount(count, 'document')}, ${formatBytes(bytes)}, in ${inOneLine(directory)}\n`,
  );
}
