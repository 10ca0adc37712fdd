/** What is tried on a damaged environment. Everything has to end in a result, or in an error for the operator. */

import fs from 'node:fs';
import path from 'node:path';
import { FigaroError } from '../../src/errors.ts';
import { takeBackup } from '../../src/engine/backup/backup.ts';
import { DatabaseFile } from '../../src/engine/database/database-file.ts';
import { bodyOf } from '../../src/engine/database/dump.ts';
import { takeInventory } from '../../src/engine/database/inventory.ts';
import { databasesOf } from '../../src/engine/database/records.ts';
import { findDifferences, forEachDocument, forEachRecord } from '../../src/engine/differences/compare.ts';
import { lookIntoTwo } from '../../src/engine/differences/look-into-two.ts';
import { type Side } from '../../src/engine/differences/sides.ts';
import { XmlContainer } from '../../src/engine/documents/container.ts';
import { discoverEnvironment } from '../../src/engine/environment/discover.ts';
import { filesOfKind } from '../../src/engine/environment/environment.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { readDocumentHistory } from '../../src/engine/history/document-history.ts';
import { inspectEnvironment } from '../../src/engine/inspect/environment.ts';
import { inspectPage } from '../../src/engine/inspect/page.ts';
import { recoverEnvironment } from '../../src/engine/recovery/recover.ts';
import { prepareRecovery, rehearse } from '../../src/engine/recovery/rehearse.ts';
import { openRepository } from '../../src/engine/repository/repository.ts';
import { verifySets } from '../../src/engine/verify/verify-sets.ts';
import { standardExternalDirectory } from '../../src/format/names.ts';
import { Chance, damage } from './mutate.ts';

/** How the attempts at one damaged environment ended. */
export interface Outcome {
  readonly damage: readonly string[];
  /** Code of the error, or `good`, by attempt. */
  readonly results: Readonly<Record<string, string>>;
  /** Stack traces of what must not happen. */
  readonly bugs: readonly string[];
}

/** Lays out a copy of an environment in a directory, damages it, and tries everything. */
export async function attempt(files: Files, original: string, directory: string, seed: number): Promise<Outcome> {
  const home = path.join(directory, 'env');
  fs.rmSync(directory, { recursive: true, force: true });
  fs.cpSync(original, home, { recursive: true });
  const chance = new Chance(seed);
  const done = damage(home, chance);
  const results: Record<string, string> = {};
  const bugs: string[] = [];
  const tryIt = async (name: string, work: () => unknown): Promise<void> => {
    try {
      await work();
      results[name] = 'good';
    } catch (error) {
      if (error instanceof FigaroError) {
        results[name] = error.code;
      } else {
        results[name] = 'bug';
        bugs.push(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
      }
    }
  };
  const target = path.join(directory, 'recovered');
  const repository = path.join(directory, 'repo');
  await tryIt('rehearse', () => rehearse(files, discoverEnvironment(files, home)));
  await tryIt('recover', () => recoverEnvironment(files, { environment: discoverEnvironment(files, home), target }));
  await tryIt('dump', () => dumpAll(files, home));
  await tryIt('documents', () => printDocuments(files, home));
  await tryIt('diff', () => compareAll(sideOf(files, original), sideOf(files, home)));
  await tryIt('diff on demand', () => compareMoments(files, home));
  await tryIt('history', () => readHistories(files, home, false));
  await tryIt('history on demand', () => readHistories(files, home, true));
  await tryIt('inspect', () => inspectAll(files, home));
  if (fs.existsSync(target)) {
    await tryIt('dump recovered', () => dumpAll(files, target));
    await tryIt('documents recovered', () => printDocuments(files, target));
  }
  if (chance.below(4) === 0) {
    await tryIt('offline', () => takeBackup(files, 'offline', { home, repository }));
    await tryIt('verify', () => verifySets(files, openRepository(files, repository), { rehearse: true }));
  }
  fs.rmSync(directory, { recursive: true, force: true });
  return { damage: done, results, bugs };
}

/** Reads every record of every database; each file on its own, the first error is thrown at the end. */
function dumpAll(files: Files, home: string): void {
  let failure: unknown;
  for (const { path: file } of filesOfKind(discoverEnvironment(files, home), 'database')) {
    try {
      const opened = new DatabaseFile(files, file);
      try {
        for (const database of databasesOf(opened)) for (const chunk of bodyOf(database, false)) void chunk;
      } finally {
        opened.close();
      }
    } catch (error) {
      if (!(error instanceof FigaroError)) throw error;
      failure ??= error;
    }
  }
  if (failure) throw failure;
}

/** Prints every document of every container; each document on its own, the first error is thrown at the end. */
async function printDocuments(files: Files, home: string): Promise<void> {
  let failure: unknown;
  const attemptOn = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof FigaroError)) throw error;
      failure ??= error;
    }
  };
  for (const { path: file } of filesOfKind(discoverEnvironment(files, home), 'database')) {
    await attemptOn(async () => {
      const opened = new DatabaseFile(files, file);
      try {
        const container = new XmlContainer(opened, {});
        for await (const entry of container.entries()) {
          await attemptOn(async () => {
            for await (const piece of container.content(entry, () => {})) void piece;
          });
        }
        failure ??= container.damage[0];
      } finally {
        opened.close();
      }
    });
  }
  if (failure) throw failure;
}

/** The first moment that can be had and the last one, with those pages alone that are read. */
async function compareMoments(files: Files, home: string): Promise<void> {
  const to = sideOf(files, home);
  const { first } = (await prepareRecovery(files, to.environment, { isPart: true })).analysis.commits.window;
  if (first) await compareAll({ ...to, restorePoint: { kind: 'lsn', lsn: first.lsn } }, to, true);
}

function sideOf(files: Files, directory: string): Side {
  const environment = discoverEnvironment(files, directory);
  return { files, environment, restorePoint: { kind: 'end' }, chain: undefined, warnings: [] };
}

/** Compares everything in two states; each file on its own, the first error is thrown at the end. */
async function compareAll(from: Side, to: Side, isOnDemand = false): Promise<void> {
  let failure: FigaroError | undefined;
  const watch = {};
  const listener = { onRefused: (error: FigaroError): void => void (failure ??= error), warn: () => {} };
  await lookIntoTwo(from, to, { isOnDemand, watch }, async (states) => {
    for (const difference of await findDifferences(states, standardExternalDirectory, listener, watch)) {
      if (difference.documents) await forEachDocument(states, difference, watch, () => Promise.resolve());
      else await forEachRecord(states, difference, watch, () => Promise.resolve());
    }
  });
  if (failure) throw failure;
}

/** Reads the history of some document of every container, whether there is one of this name or not. */
async function readHistories(files: Files, home: string, isOnDemand: boolean): Promise<void> {
  const environment = discoverEnvironment(files, home);
  for (const { name } of filesOfKind(environment, 'database').filter((file) => file.name.endsWith('.dbxml'))) {
    await readDocumentHistory(files, environment, name, 'doc00000', { isOnDemand, watch: {} });
  }
}

/** Looks at the environment, at every container and at every page; each file on its own. */
async function inspectAll(files: Files, home: string): Promise<void> {
  const environment = discoverEnvironment(files, home, { insideOnly: true });
  await inspectEnvironment(files, environment, {});
  for (const { path: file, stat } of filesOfKind(environment, 'database')) {
    try {
      await takeInventory(files, file);
      for (let pgno = 0; pgno * 512 < stat.size; pgno++) inspectPage(files, file, pgno);
    } catch (error) {
      if (!(error instanceof FigaroError)) throw error;
    }
  }
}
