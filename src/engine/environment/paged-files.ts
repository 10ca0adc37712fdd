import { fromStored } from '../../format/page/checksum.ts';
import { metaAt, metaSize, type DatabaseFormat } from '../../format/page/meta.ts';
import { headerSize, isBlank } from '../../format/page/page.ts';
import { type Files } from '../files/files.ts';
import { isOpaque } from './opaque.ts';
import { filesOfKind, type Environment, type EnvironmentFile, type FileOfKind } from './environment.ts';
import { parseExtentName } from '../../format/names.ts';

/** A file that consists of pages: a database, or an extent of a queue. */
export interface PagedFile {
  readonly file: EnvironmentFile;
  /** For an extent, that of its queue. */
  readonly format: DatabaseFormat;
  /** Number of its first page: pages of a queue are counted across its extents. */
  readonly firstPgno: number;
}

/** The name of the database that a file belongs to: extents of a queue and partitions have it in theirs. */
export function databaseOf(name: string): string {
  const [, directory = '', database] = /^(.*\/)?__db[pq]\.([^/]+)\.\d+$/.exec(name) ?? [];
  return database === undefined ? name : directory + database;
}

/** The files of an environment whose pages can be looked at; extents without their queue are not among them. */
export function pagedFiles(files: Files, environment: Environment): PagedFile[] {
  const databases = filesOfKind(environment, 'database');
  const queues = new Map(
    databases.filter(({ format }) => format.method === 'queue').map((file) => [file.name, new Queue(files, file)]),
  );
  const extents = filesOfKind(environment, 'queue-extent').map((file) => extentOf(files, file, queues));
  return [
    ...databases.map((file) => ({ file, format: file.format, firstPgno: 0 })),
    ...extents.filter((extent) => extent !== undefined),
  ];
}

/** A queue, which is opened once, however many extents it has. */
class Queue {
  readonly format: DatabaseFormat;
  readonly #files: Files;
  readonly #file: FileOfKind<'database'>;
  #extentPages: number | undefined;

  constructor(files: Files, file: FileOfKind<'database'>) {
    this.format = file.format;
    this.#files = files;
    this.#file = file;
  }

  get extentPages(): number {
    return (this.#extentPages ??= extentPages(this.#files, this.#file));
  }
}

/** An extent is `__dbq.NAME.N` beside its queue, whose first page describes it (format document, 4.9). */
function extentOf(
  files: Files,
  file: FileOfKind<'queue-extent'>,
  queues: ReadonlyMap<string, Queue>,
): PagedFile | undefined {
  const extent = parseExtentName(file.name);
  const queue = extent && queues.get(extent.queue);
  if (!queue) return undefined;
  const { format } = queue;
  if (isOpaque(format)) return { file, format, firstPgno: firstPgnoOf(files, file.path, format) };
  const pages = queue.extentPages;
  return pages === 0 ? undefined : { file, format, firstPgno: 1 + extent.number * pages };
}

/** The number of an extent's first page, told by the first page that was written: its queue is not readable. */
function firstPgnoOf(files: Files, file: string, { pageSize, littleEndian }: DatabaseFormat): number {
  const opened = files.openIfThere(file);
  if (!opened) return 1;
  try {
    const bytes = new Uint8Array(headerSize);
    const pages = Math.floor(opened.stat().size / pageSize);
    for (let i = 0; i < pages; i++) {
      if (opened.readAt(bytes, i * pageSize) < headerSize) break;
      if (!isBlank(bytes)) return new DataView(bytes.buffer).getUint32(8, littleEndian) - i;
    }
    return 1;
  } finally {
    opened.close();
  }
}

/** Pages of an extent; 0 when the queue has none. */
function extentPages(files: Files, { path: file, format }: FileOfKind<'database'>): number {
  const opened = files.openIfThere(file);
  if (!opened) return 0;
  try {
    const head = new Uint8Array(metaSize);
    if (opened.readAt(head, 0) < metaSize) return 0;
    const view = new DataView(fromStored(head, format).buffer);
    return view.getUint32(metaAt.queue.extentPages, format.littleEndian);
  } finally {
    opened.close();
  }
}
