/** Going on from where the proof of a set ended (recovery document, J.3 and J.4). */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { metaSize, recognizeFile } from '../../format/page/meta.ts';
import { type Environment, type EnvironmentFile } from '../environment/environment.ts';
import { type Files, type FileStat, type OpenFile } from '../files/files.ts';
import { OpenFiles } from '../files/open-files.ts';
import { isPiece } from '../recovery/stage.ts';
import { BlockTree } from './block-tree.ts';
import { ProofStorage, type Below, type ProofPiece } from './proof-storage.ts';
import { type ProofState, type ProvenFile } from './proof-state.ts';

/** An environment as a proof has left it, with new log. */
interface GoingOn {
  readonly environment: Environment;
  readonly storage: ProofStorage;
  /** Unique ids of the databases that the log has made. */
  readonly made: ReadonlySet<string>;
  readonly close: () => void;
}

/**
 * The environment that a state tells of, with the log of `whole` from where it is needed. Throws for a state that does not fit
 * the chain.
 *
 * @param whole the chain with its new set
 * @param directory of the state
 */
export function goOnFrom(files: Files, whole: Environment, directory: string, state: ProofState): GoingOn {
  const copies = new Map(whole.files.map((file) => [file.name, file]));
  const known = new Map<string, Below>();
  const blocksOpened = new OpenFiles((file) => openOwn(files, file));
  const storage = new ProofStorage(files, known);
  const made = new Set<string>();
  const close = (): void => {
    storage.close();
    blocksOpened.close();
  };
  try {
    const pieces = state.files.map((file, number): EnvironmentFile => {
      const copy = file.base === undefined ? undefined : copies.get(file.base);
      if (file.base !== undefined && !copy) throw missing(file);
      const at = copy?.path ?? path.join(directory, `made-${number}`);
      known.set(at, belowOf(file, copy, directory, blocksOpened));
      const { kind, name, logName, dataDirectory } = file;
      const place = { name, path: at, logName, dataDirectory };
      if (copy?.kind === kind) return { ...copy, ...place };
      const stat = { ...sizeless, size: file.size };
      if (kind === 'queue-extent' || kind === 'external-file') return { ...place, kind, stat };
      const { format } = recognized(files, storage.existing(at), name);
      made.add(format.uid);
      return { ...place, kind: 'database', format, uid: format.uid, stat };
    });
    const first = state.from.file;
    const others = whole.files.filter((file) => !isPiece(file) && !(file.kind === 'log' && file.logNumber < first));
    return { environment: { ...whole, files: [...others, ...pieces].sort(byName) }, storage, made, close };
  } catch (error) {
    close();
    throw error;
  }
}

function openOwn(files: Files, file: string): OpenFile {
  const opened = files.openOwnIfThere(file);
  if (!opened) throw new FigaroError('io', `${file}: no such file`, { path: file });
  return opened;
}

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);

/** Files that the log has made are nowhere but in the state. */
const sizeless: Omit<FileStat, 'size'> = {
  kind: 'file',
  mode: 0o600,
  uid: 0,
  gid: 0,
  mtimeMs: 0,
  changedMs: 0,
  device: 0,
  inode: 0,
};

function belowOf(
  { baseBytes, size, unchecked, blocks }: ProvenFile,
  copy: EnvironmentFile | undefined,
  directory: string,
  opened: OpenFiles,
): Below {
  const below = { base: copy?.path, baseBytes, size, unchecked };
  if (!blocks) return below;
  const file = path.join(directory, blocks.file);
  return {
    ...below,
    blocks: { name: blocks.file, tree: new BlockTree(file, blocks.size, blocks.root, () => opened.get(file)) },
  };
}

function recognized(files: Files, piece: ProofPiece, name: string) {
  const head = new Uint8Array(Math.min(metaSize, piece.size));
  piece.read(head, 0);
  const recognition = recognizeFile(head, files.cipher);
  if (recognition.kind === 'database') return recognition;
  throw new FigaroError('page-type', `${name} is no database in what the last proof has left behind`, { path: name });
}

function missing({ base }: ProvenFile): FigaroError {
  return new FigaroError('io', `the chain has no ${base}, which the last proof knew`, { path: base! });
}
