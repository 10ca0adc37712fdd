/** Which documents of a container a command is about. */

import { InvalidArgumentError, Option, type Command } from 'commander';
import { DatabaseFile } from '../../engine/database/database-file.ts';
import { XmlContainer } from '../../engine/documents/container.ts';
import { type DocumentEntry } from '../../engine/documents/metadata.ts';
import { isRefusal, Refusals } from '../../engine/documents/refusals.ts';
import { areNames, canBeReadByName } from '../../engine/documents/find-by-name.ts';
import { hasMetadata, isLike, isNamed, isPattern, type WantedMetadata } from '../../engine/documents/select.ts';
import { type Watch } from '../../engine/pause.ts';
import { type SeenContainer } from '../../engine/recovery/seen-container.ts';
import { FigaroError } from '../../errors.ts';
import { type CommandContext } from '../context.ts';
import { type ContainerSource, type ContainerSourceOptions } from '../container-source.ts';

export interface SelectionOptions extends ContainerSourceOptions {
  readonly metadata?: readonly WantedMetadata[];
}

export function withSelection(command: Command): Command {
  return command.addOption(
    new Option(
      '--metadata <name=value>',
      'only documents with this metadata; the value may be a pattern, the name {uri}name; repeat it for more',
    ).argParser(metadataArgument),
  );
}

function metadataArgument(text: string, before: readonly WantedMetadata[] = []): readonly WantedMetadata[] {
  const [, name, value] = /^(\{[^}]*\}[^=]+|[^=]+)=([^]*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('Write NAME=VALUE.');
  return [...before, { name, value }];
}

/** Opens the container that a command was told to look into, and closes it whatever happens. */
export async function withOpenContainer(
  context: CommandContext,
  options: SelectionOptions,
  source: ContainerSource,
  names: readonly string[],
  use: (open: OpenContainer) => Promise<void>,
): Promise<void> {
  await context.withWatch(options, (watch) =>
    source.look(
      watch,
      async (seen) => {
        const open = new OpenContainer(context, options, seen, names, watch);
        try {
          await use(open);
        } finally {
          open.close();
        }
      },
      areNames(names) ? (seen) => canBeReadByName(seen, names, options.metadata ?? [], watch) : undefined,
    ),
  );
}

/** A container that is open, and what of it could not be read so far. */
export class OpenContainer {
  readonly container: XmlContainer;
  readonly refusals: Refusals;
  readonly #file: DatabaseFile;
  readonly #context: CommandContext;
  readonly #options: SelectionOptions;
  readonly #names: readonly string[];
  /** Documents are looked up: each name stands for one, which is there. */
  readonly #isOnDemand: boolean;
  readonly #found = new Set<string>();
  /** By id: what is wrong with documents of which nobody can say whether they were asked for. */
  readonly #doubtful = new Map<number, FigaroError>();

  constructor(
    context: CommandContext,
    options: SelectionOptions,
    { files, path, warnings, isOnDemand }: SeenContainer,
    names: readonly string[],
    watch: Watch,
  ) {
    context.warn(options, warnings);
    this.#context = context;
    this.#options = options;
    this.#names = names;
    this.#isOnDemand = isOnDemand === true;
    this.#file = new DatabaseFile(files, path);
    try {
      this.container = new XmlContainer(this.#file, watch);
    } catch (error) {
      this.#file.close();
      throw error;
    }
    this.refusals = new Refusals();
  }

  close(): void {
    this.#file.close();
  }

  /** The documents that were asked for. */
  async *entries(names: readonly string[] = this.#names): AsyncGenerator<DocumentEntry> {
    const { metadata = [] } = this.#options;
    const { container } = this;
    for await (const entry of this.#isOnDemand ? container.entriesNamed(names) : container.entries()) {
      const { id, name, problem } = entry;
      const hasName = isNamed(entry, names);
      if (hasName && hasMetadata(entry, metadata)) {
        for (const wanted of names) if (isLike(name!, wanted)) this.#found.add(wanted);
        yield entry;
      } else if (problem !== undefined && (hasName || name === undefined)) {
        this.#doubtful.set(id, this.container.damagedEntry(entry, problem));
      }
    }
  }

  /** Tells of something that could not be read, and goes on. What is alone is the error that the run ends with. */
  refuse(error: unknown): void {
    if (!isRefusal(error)) throw error;
    this.#context.warn(this.#options, this.refusals.add(error));
  }

  readonly warn = (warning: string): void => {
    this.#context.addWarning(this.#options, warning);
  };

  /**
   * Tells of damage that may hide documents that were asked for. Throws `document-missing` for a name that no document has; where
   * damage may hide it, that.
   */
  requireFound(): void {
    const missing = this.#names.find((name) => !this.#found.has(name));
    // A container has one document of a name: where that was found, no other can be meant.
    const isSure = missing === undefined && this.#names.length > 0 && !this.#names.some(isPattern);
    const hiding = [...this.container.damage, ...(isSure ? [] : this.#doubtful.values())];
    for (const damage of hiding) this.refuse(damage);
    if (missing === undefined) return;
    const { path } = this.#file;
    if (hiding.length > 0) {
      const { code, message, details } = this.refusals.error()!;
      throw new FigaroError(code, `${path} holds no document ${missing} that can be found: ${message}`, details);
    }
    throw new FigaroError('document-missing', `${path} holds no document ${missing}`, {
      path,
      hint: 'see which ones it holds with `figaro-backup documents list`; an earlier restore point may have it.',
    });
  }
}
