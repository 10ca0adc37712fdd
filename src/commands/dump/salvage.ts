/** `dump --salvage`: what can be read of a damaged file. */

import { databaseLabel, headerOf, linesOf } from '../../engine/database/dump.ts';
import { SalvagePages, type SalvageFinding } from '../../engine/database/salvage/pages.ts';
import { Salvage, type SalvagedDatabase } from '../../engine/database/salvage/salvage.ts';
import { type Files } from '../../engine/files/files.ts';
import { pause, type Watch } from '../../engine/pause.ts';
import { checkDatabaseFile } from '../../engine/database/check-environment.ts';
import { type StructureFinding } from '../../engine/structure/file-check.ts';
import { FigaroError, isOfTheRun } from '../../errors.ts';
import { formatCount } from '../../output/text.ts';
import { type CommandContext, type CommonOptions } from '../context.ts';
import { noteOfLogBeside } from '../log-beside.ts';
import {
  jsonOf,
  printList,
  textOf,
  writePieces,
  type PrintedDatabase,
  type PrintedFile,
  type PrintOptions,
} from './print.ts';

export interface SalvageCommandOptions {
  /** In bytes. */
  readonly pageSize?: number;
  readonly recordLength?: number;
  readonly anyOrder?: true;
}

/** More of them are told, but not kept for the document. */
const keptFindings = 1000;

/** Prints what is left of a file. Whatever is not all of it, or not certain, is told and leads to exit status 4. */
export async function salvage(
  context: CommandContext,
  options: CommonOptions & PrintOptions & SalvageCommandOptions,
  files: Files,
  path: string,
  watch: Watch,
): Promise<void> {
  const findings: (SalvageFinding | StructureFinding)[] = [];
  let findingCount = 0;
  const onFinding = (finding: SalvageFinding | StructureFinding): void => {
    findingCount += 1;
    if (findings.length < keptFindings) findings.push(finding);
    context.warn(options, [finding.message]);
  };
  const { pageSize, recordLength } = options;
  const pages = new SalvagePages(files, path, onFinding, pageSize);
  try {
    const damage = await structuralDamage(files, path, options.anyOrder === true, watch);
    const more = (): object => {
      // Records can be missing where every page that was met is sound.
      if (findingCount === 0) for (const finding of damage) onFinding(finding);
      return { findings, findingCount };
    };
    const file = { path, pageSize: pages.format.pageSize };
    const databases = new Salvage(pages, { onFinding, pageSize, recordLength }).databases();
    await printAll(context, options, file, databases, more, watch);
  } finally {
    pages.close();
  }
  if (findingCount > 0) {
    const note = noteOfLogBeside(files, path);
    context.found('page-type', `${path}: ${formatCount(findingCount, 'finding')}: this may not be all of it${note}`);
  }
}

/** What the check of structure finds; nothing for a file that cannot be opened as it is. */
async function structuralDamage(
  files: Files,
  path: string,
  anyOrder: boolean,
  watch: Watch,
): Promise<readonly StructureFinding[]> {
  try {
    return (await checkDatabaseFile(files, path, { anyOrder, watch })).findings;
  } catch (error) {
    if (error instanceof FigaroError && !isOfTheRun(error)) return [];
    throw error;
  }
}

async function printAll(
  context: CommandContext,
  options: CommonOptions & PrintOptions,
  file: PrintedFile,
  databases: Iterable<SalvagedDatabase>,
  more: () => object,
  watch: Watch,
): Promise<void> {
  if (options.list) {
    const listed: PrintedDatabase[] = [];
    for (const database of databases) {
      for (const _ of database.records) await pause(watch);
      listed.push(printed(database));
    }
    printList(context, options, file, listed, more());
    return;
  }
  const chosen = printedOnes(databases, options.database, file.path);
  const pieces = options.json ? jsonOf(context, file, chosen, more) : textOf(chosen, options);
  await writePieces(context, pieces, watch);
  if (!options.json) more();
}

/** All databases, or that of a name. Throws `usage` at the end when there is none of it. */
function* printedOnes(
  databases: Iterable<SalvagedDatabase>,
  name: string | undefined,
  path: string,
): Generator<PrintedDatabase> {
  let isFound = name === undefined;
  for (const database of databases) {
    if (name === undefined || databaseLabel(database) === name) {
      isFound = true;
      yield printed(database);
    }
    // Whose pages these are has to be known before those of the next one are.
    for (const _ of database.records) void _;
  }
  if (isFound) return;
  throw new FigaroError('usage', `${path} holds no database ${name}`, { path, hint: 'see what it holds with --list.' });
}

function printed(database: SalvagedDatabase): PrintedDatabase {
  const { method, records } = database;
  // Numbers of queue records would be lost with those that are missing.
  const hasNumbers = method === 'queue';
  return {
    label: databaseLabel(database) ?? null,
    method,
    header: () => [...headerOf(database), ...(hasNumbers ? ['keys=1'] : [])],
    body: () => linesOf(records, hasNumbers),
    records: () => records,
  };
}
