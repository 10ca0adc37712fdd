/** Which documents of a container a command is about. */

import { InvalidArgumentError, Option, type Command } from 'commander';
import { DatabaseFile } from '../../engine/database/database-file.ts';
import { XmlContainer } from '../../engine/documents/container.ts';
import { type DocumentEntry } from '../../engine/documents/metadata.ts';
import { isRefusal, Refusals } from '../../engine/documents/refusals.ts';
import { hasMetadata, isLike, isNamed, type WantedMetadata } from '../../engine/documents/select.ts';
import { type Watch } from '../../engine/pause.ts';
import { type SeenContainer } from '../../engine/recovery/look-into.ts';
import { FigaroError } from '../../errors.ts';
import { type CommandContext } from '../context.ts';
import { type ContainerSourceOptions } from '../container-source.ts';

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

/** A container that is open, and what of it could not be read so far. */
export class OpenContainer {
  readonly container: XmlContainer;
  readonly refusals: Refusals;
  readonly #file: DatabaseFile;
  readonly #context: CommandContext;
  readonly #options: SelectionOptions;
  readonly #names: readonly string[];
  readonly #found = new Set<string>();
  #told = 0;

  constructor(
    context: CommandContext,
    options: SelectionOptions,
    { files, path, warnings }: SeenContainer,
    names: readonly string[],
    watch: Watch,
  ) {
    context.warn(options, warnings);
    this.#context = context;
    this.#options = options;
    this.#names = names;
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
  *entries(names: readonly string[] = this.#names): Generator<DocumentEntry> {
    const { metadata = [] } = this.#options;
    for (const entry of this.container.entries()) {
      if (!isNamed(entry, names) || !hasMetadata(entry, metadata)) continue;
      for (const name of names) if (isLike(entry.name!, name)) this.#found.add(name);
      yield entry;
    }
  }

  /** Tells of something that could not be read, and goes on. What is alone is the error that the run ends with. */
  refuse(error: unknown): void {
    if (!isRefusal(error)) throw error;
    const first = this.refusals.count === 1 ? [this.refusals.error()!.message] : [];
    this.refusals.add(error);
    if (this.refusals.count > 1) this.#context.warn(this.#options, [...first, error.message]);
  }

  readonly warn = (warning: string): void => {
    this.#context.addWarning(this.#options, warning);
  };

  /** Throws `document-missing` for a name that no document has, and tells of damage that was met on the way. */
  requireFound(): void {
    for (const damage of this.container.damage.slice(this.#told)) this.refuse(damage);
    this.#told = this.container.damage.length;
    const missing = this.#names.find((name) => !this.#found.has(name));
    if (missing === undefined) return;
    const { path } = this.#file;
    throw new FigaroError('document-missing', `${path} holds no document ${missing}`, {
      path,
      hint: 'see which ones it holds with `figaro-backup documents list`; an earlier restore point may have it.',
    });
  }
}
