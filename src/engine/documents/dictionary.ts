/** The names and namespaces of a container (dbxml documents document, 1.2). */

import { type FigaroError, isPageDamage } from '../../errors.ts';
import { parseDictionaryEntry, type DictionaryEntry } from '../../format/documents/metadata.ts';
import { DocumentProblem } from '../../format/documents/problem.ts';
import { type Database } from '../database/database-file.ts';
import { recnoRecords } from '../database/trees.ts';

/** Renaming leaves it behind: no prefix or namespace. */
const none = 0xffffffff;

/** More than the names of any container take, in bytes. */
const mostBytes = 256 << 20;

export interface FullName {
  readonly uri: string;
  readonly name: string;
}

/** What is told of a string: the library gives back another one, or there is none. */
export type StringNote = 'joined' | 'missing';

export class Dictionary {
  readonly #entries: readonly (DictionaryEntry | undefined)[];
  /** Why it could be read in part only. */
  readonly damage: FigaroError | undefined;

  constructor(database: Database) {
    const entries: (DictionaryEntry | undefined)[] = [];
    let bytes = 0;
    try {
      for (const { key, data } of recnoRecords(database)) {
        bytes += data.length;
        if (bytes > mostBytes) throw database.file.broken(database.metaPgno, 'the dictionary is larger than any');
        entries[key as number] = entryOf(data);
      }
    } catch (error) {
      if (!isPageDamage(error)) throw error;
      this.damage = error;
    }
    this.#entries = entries;
  }

  /** A prefix or URI, a character for each byte. Throws `DocumentProblem` where it may be lost. */
  stringOf(id: number, note: (note: StringNote) => void): string | undefined {
    if (id === none) return undefined;
    const entry = this.#find(id);
    if (!entry) {
      note('missing');
      return undefined;
    }
    // Here the library forgets the second part.
    if (!entry.second) return entry.first;
    note('joined');
    return `${entry.first}:${entry.second}`;
  }

  /** The name of an item of metadata; undefined where there is none. Throws `DocumentProblem` where it may be lost. */
  nameOf(id: number): FullName | undefined {
    const entry = this.#find(id);
    return entry && { uri: textOf(entry.second ?? ''), name: textOf(entry.first) };
  }

  #find(id: number): DictionaryEntry | undefined {
    const entry = this.#entries[id];
    if (!entry && this.damage) throw new DocumentProblem(`name ${id} of the dictionary is lost`);
    return entry;
  }
}

function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function entryOf(data: Uint8Array): DictionaryEntry | undefined {
  try {
    return parseDictionaryEntry(data);
  } catch (error) {
    if (error instanceof DocumentProblem) return undefined;
    throw error;
  }
}
