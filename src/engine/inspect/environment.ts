/** What an environment is, as far as its files tell. */

import path from 'node:path';
import { FigaroError, isOfTheRun } from '../../errors.ts';
import { regionMagic } from '../../format/magic.ts';
import { type DatabaseFormat } from '../../format/page/meta.ts';
import { databaseAt, DatabaseFile, isMaster } from '../database/database-file.ts';
import { databaseLabel } from '../database/dump.ts';
import { databasesOf } from '../database/records.ts';
import { filesOfKind, type Environment, type EnvironmentFileKind } from '../environment/environment.ts';
import { outsideOf } from '../environment/db-config.ts';
import { noEnvironment } from '../what-is.ts';
import { findLogNearby } from '../environment/log-nearby.ts';
import { requireNotInUse } from '../environment/in-use.ts';
import { isOpaque } from '../environment/opaque.ts';
import { type Files } from '../files/files.ts';
import { pause, type Watch } from '../pause.ts';
import { isXmlContainer } from '../structure/key-order.ts';
import { inspectLog } from './log.ts';
import { findRisks } from './risks.ts';
import { findLogged, findUnlogged } from './unlogged.ts';
import { type InspectedRegion, type InspectedDatabase, type InspectedEnvironment } from './inspected.ts';

/**
 * Inspects an environment that was listed with `insideOnly`. Throws `environment-missing` when nothing of one is there, and
 * what keeps its files from being read.
 */
export async function inspectEnvironment(
  files: Files,
  environment: Environment,
  watch: Watch,
  wanted: 'environment' | 'copy' = 'environment',
): Promise<InspectedEnvironment> {
  requireSomething(files, environment, wanted);
  const log = await inspectLog(files, environment, watch);
  // Without the log from its beginning on nobody can say that it does not name a file.
  const unlogged = log?.contents ? await namesOfUnlogged(files, environment, watch) : undefined;
  const databases: InspectedDatabase[] = [];
  for (const file of filesOfKind(environment, 'database')) {
    const { name, stat, format } = file;
    databases.push({
      name,
      size: stat.size,
      format: format,
      ...insideOf(files, file.path, format),
      isUnlogged: unlogged?.has(name),
    });
    await pause(watch);
  }
  const inspected = {
    environment,
    databases,
    damaged: environment.damaged,
    kinds: kindsOf(environment),
    region: regionOf(files, environment),
    log,
    logElsewhere: log ? undefined : findLogNearby(files, environment),
    loggedDatabase: log ? undefined : (await findLogged(files, environment, watch))?.name,
    usedBy: usedBy(files, environment),
  };
  return { ...inspected, risks: findRisks(inspected) };
}

function requireSomething(
  files: Files,
  { home, config, files: found, damaged }: Environment,
  wanted: 'environment' | 'copy',
): void {
  if (found.some(({ kind }) => kind === 'database' || kind === 'log') || damaged.length > 0) return;
  // Everything may be elsewhere.
  if (config.sliced || outsideOf(config).length > 0) return;
  throw noEnvironment(files, home, wanted);
}

async function namesOfUnlogged(
  files: Files,
  environment: Environment,
  watch: Watch,
): Promise<ReadonlySet<string> | undefined> {
  try {
    return new Set((await findUnlogged(files, environment, watch)).map(({ name }) => name));
  } catch (error) {
    // A damaged log is told of elsewhere.
    if (error instanceof FigaroError && !isOfTheRun(error)) return undefined;
    throw error;
  }
}

function insideOf(
  files: Files,
  file: string,
  format: DatabaseFormat,
): Pick<InspectedDatabase, 'method' | 'subDatabases' | 'isXml' | 'problem'> {
  const nothing = { method: format.method, subDatabases: undefined, isXml: false, problem: undefined };
  if (isOpaque(format)) return nothing;
  let opened: DatabaseFile | undefined;
  try {
    opened = new DatabaseFile(files, file);
    const first = databaseAt(opened, 0);
    if (!isMaster(first)) return { ...nothing, method: first.method };
    const names = databasesOf(opened).map((database) => databaseLabel(database) ?? '');
    return { ...nothing, subDatabases: names.length, isXml: isXmlContainer(names) };
  } catch (error) {
    if (!(error instanceof FigaroError)) throw error;
    return { ...nothing, problem: error.message };
  } finally {
    opened?.close();
  }
}

function kindsOf(environment: Environment): InspectedEnvironment['kinds'] {
  const kinds: Partial<Record<EnvironmentFileKind, { files: number; size: number }>> = {};
  for (const { kind, stat } of environment.files) {
    const totals = (kinds[kind] ??= { files: 0, size: 0 });
    totals.files += 1;
    totals.size += stat.size;
  }
  return kinds;
}

/** Reads the beginning of `__db.001` (format document, 1.3). */
function regionOf(files: Files, { leftOut }: Environment): InspectedRegion | undefined {
  const region = leftOut.find(({ reason, name }) => reason === 'region' && path.posix.basename(name) === '__db.001');
  const opened = region && files.openIfThere(region.path);
  if (!opened) return undefined;
  try {
    const bytes = new Uint8Array(20);
    if (opened.readAt(bytes, 0) < bytes.length) return undefined;
    const view = new DataView(bytes.buffer);
    const littleEndian = view.getUint32(0, true) === regionMagic;
    if (!littleEndian && view.getUint32(0, false) !== regionMagic) return undefined;
    const u32 = (offset: number): number => view.getUint32(offset, littleEndian);
    return { library: `${u32(8)}.${u32(12)}.${u32(16)}`, panic: u32(4) !== 0 };
  } finally {
    opened.close();
  }
}

function usedBy(files: Files, environment: Environment): string | undefined {
  try {
    requireNotInUse(files, environment, () => '', false);
    return undefined;
  } catch (error) {
    if (error instanceof FigaroError && error.code === 'environment-in-use') return error.message;
    throw error;
  }
}
