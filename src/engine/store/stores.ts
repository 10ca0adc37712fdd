/** Opens stores by their URLs. */

import { type Files } from '../files/files.ts';
import { type PackedOpening } from '../packed/opening.ts';
import { type Retry } from './retrying.ts';
import { type SyncReader } from './sync-reader.ts';
import { type Store } from './store.ts';

/** A store, and what reads from it while everything else waits. */
export interface OpenedStore {
  readonly store: Store;
  /** The same for what is done last, whether or not the run was stopped: nothing is tried for long. */
  readonly ending: Store;
  /** What reads from it; of a packed repository as what it is. Asked for once. */
  readonly readerOf: (packed?: PackedOpening) => SyncReader;
  /** The URL of a repository that it lies in; undefined where there is none, or nobody may look. */
  readonly above?: () => Promise<string | undefined>;
  /** Its `repository.json`, where that was read already. */
  readonly head?: Uint8Array;
  close(): Promise<void>;
}

export interface OpeningOptions {
  /** Where keys and settings of stores are. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends what waits. */
  readonly signal?: AbortSignal | undefined;
  /** S3: the storage class of what is written; the store's own choice without. */
  readonly storageClass?: string | undefined;
  /** Told before something that failed is tried again. */
  readonly onRetry?: (retry: Retry) => void;
}

/** How a command comes to its stores: tests have others. */
export type OpenStore = (url: string, options: OpeningOptions) => Promise<OpenedStore>;

/** True for what looks like the URL of a store, be it a right one or not. All else is a directory: `./s3:` for one of such a name. */
export function isStoreUrl(text: string): boolean {
  return /^(?:s3|sftp):/i.test(text);
}

/** True for a store whose lists have a tag for each object. */
export function listsTags(url: string): boolean {
  return /^s3:/i.test(url);
}

/** For how long a run that is over tries to leave nothing behind, in ms. */
const endingMs = 20_000;

/** A directory of this machine, whose repository is packed: a plain one needs no store. */
export async function openDirectory(files: Files, directory: string): Promise<OpenedStore> {
  const [{ openLocalStore }, { WorkerReader }] = await Promise.all([
    import('./local-store.ts'),
    import('./sync-reader.ts'),
  ]);
  const store = openLocalStore(files, directory);
  return withReader(
    store,
    store,
    (packed) => new WorkerReader({ url: directory, place: store.place, env: {}, ...packed }),
  );
}

/** Opens a store, which tries again what fails, and a thread that reads from it when something is read. */
export const openStoreWithThread: OpenStore = async (url, { env, signal, storageClass, onRetry }) => {
  const [{ openStore }, { WorkerReader }] = await Promise.all([import('./open-store.ts'), import('./sync-reader.ts')]);
  const above = async (): Promise<string | undefined> =>
    await (
      await import('./above.ts')
    ).repositoryAbove(
      url,
      async (top) => await openStore(top, { env, budgetMs: endingMs, ...(signal ? { signal } : {}) }),
    );
  const store = await openStore(url, {
    env,
    ...(storageClass === undefined ? {} : { storageClass }),
    ...(signal ? { signal } : {}),
    ...(onRetry ? { onRetry } : {}),
  });
  const ending = await openStore(url, { env, budgetMs: endingMs });
  const opened = withReader(store, ending, (packed) => new WorkerReader({ url, place: store.place, env, ...packed }));
  return { ...opened, above };
};

function withReader(
  store: Store,
  ending: Store,
  read: (packed: { readonly packed?: PackedOpening }) => SyncReader,
): OpenedStore {
  let reader: SyncReader | undefined;
  return {
    store,
    ending,
    readerOf: (packed) => (reader = read(packed ? { packed } : {})),
    close: async () => {
      await reader?.close();
      await Promise.all([store.close(), ending.close()]);
    },
  };
}
