/** What the proofs of a chain have left behind, beside what a rehearsal of the whole chain comes to. */

import { type Environment } from '../../src/engine/environment/environment.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { goOnFrom } from '../../src/engine/proofs/going-on.ts';
import { readProofState, stateDirectory } from '../../src/engine/proofs/proof-state.ts';
import { FileTable } from '../../src/engine/recovery/file-table.ts';
import { type StoredFile } from '../../src/engine/recovery/page-store.ts';
import { rehearse } from '../../src/engine/recovery/rehearse.ts';
import { chainEnvironment } from '../../src/engine/repository/chain.ts';
import { findChain } from '../../src/engine/repository/find-chain.ts';
import { openRepository, readSets } from '../../src/engine/repository/repository.ts';
import { pageState } from './page-state.ts';

/** What an environment comes to: by name of the database and number of the page. */
export type EndState = Readonly<Record<string, readonly unknown[]>>;

function endState(files: Iterable<StoredFile>): EndState {
  const state: Record<string, unknown[]> = {};
  for (const file of files) {
    const numbers = file.extents
      ? [0, ...[...file.extents].flatMap(([number]) => pagesIn(number, file.extents!.pagesPerExtent))]
      : Array.from({ length: file.pageCount }, (_, pgno) => pgno);
    state[file.name!] = [file.uid, ...numbers.map((pgno) => file.page(pgno)).map((page) => page && pageState(page))];
  }
  return state;
}

function pagesIn(extent: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => extent * count + 1 + i);
}

function newestChain(repository: string, files: Files) {
  const opened = openRepository(files, repository);
  const chain = findChain(readSets(files, opened).sets);
  return { opened, chain, whole: chainEnvironment(files, chain) };
}

/** What a rehearsal of the newest chain comes to, from its beginning. */
export async function rehearsedState(repository: string, files: Files = nodeFiles): Promise<EndState> {
  const { whole } = newestChain(repository, files);
  let state: EndState = {};
  await rehearse(files, whole, {
    inspect: (recovered) => {
      state = endState(recovered.recovered);
      return Promise.resolve();
    },
  });
  return state;
}

/** What the proof of the newest set has left behind; undefined where it left nothing. */
export function keptState(repository: string, files: Files = nodeFiles): EndState | undefined {
  const { opened, chain, whole } = newestChain(repository, files);
  const sha256 = chain.sets.at(-1)!.manifest.proof?.state;
  if (sha256 === undefined) return undefined;
  const directory = stateDirectory(opened, chain.id);
  const { environment, storage, close } = goOnFrom(files, whole, directory, readProofState(files, directory, sha256));
  try {
    return endState(tableOf(environment, storage, chain.sets.at(-1)!.manifest.log!.version!));
  } finally {
    close();
  }
}

function tableOf(
  environment: Environment,
  storage: ReturnType<typeof goOnFrom>['storage'],
  version: number,
): FileTable {
  const paths = new Map(environment.files.map(({ name, path }) => [name, path]));
  return new FileTable(environment, storage, (name) => paths.get(name)!, 64 << 20, version);
}
