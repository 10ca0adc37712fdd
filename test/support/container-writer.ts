/** Containers of whole documents that are written without the library of Berkeley DB XML. */

import { documentKey, indexKeyOfName } from '../../src/format/documents/metadata.ts';
import { type Session } from './session.ts';

const indexOfNames = 'secondary_document_index_string';

/** Writes what a container of whole documents consists of, with the library of Berkeley DB alone. */
export class ContainerWriter {
  readonly #session: Session;
  /** By their ids, where an index leads from names to documents. */
  #names: Map<number, string> | undefined;

  constructor(session: Session, hasIndex: boolean) {
    this.#session = session;
    this.#names = hasIndex ? new Map() : undefined;
    const databases = ['secondary_configuration', 'secondary_document', 'content_document'];
    for (const name of hasIndex ? [...databases, indexOfNames] : databases) {
      session.do(`open ${name} auto w.dbxml ${name} btree 512`);
    }
    session.do('open primary_dictionary auto w.dbxml primary_dictionary recno 512');
    const settings = { version: '6', ctype: 'doc', compression_name: 'NONE' };
    session.do('begin s');
    for (const [key, value] of Object.entries(settings)) {
      session.do(`put-bytes secondary_configuration s ${hex(`${key}\0`)} ${hex(`${value}\0`)}`);
    }
    session.do('commit s');
  }

  /** To be put back where a transaction is taken back. */
  get names(): ReadonlyMap<number, string> | undefined {
    return this.#names && new Map(this.#names);
  }
  set names(names: ReadonlyMap<number, string> | undefined) {
    this.#names = names && new Map(names);
  }

  put(txn: string, id: number, name: string): void {
    this.#session.do(`put-bytes secondary_document ${txn} ${hex(nameKey(id))} ${hex(`${name}\0`)}`);
    this.#forget(txn, id);
    this.#names?.set(id, name);
    if (!this.#names) return;
    const entry = Buffer.concat([Uint8Array.of(0), documentKey(id)]);
    this.#session.do(`put-bytes ${indexOfNames} ${txn} ${hex(indexKeyOfName(name))} ${hex(entry)}`);
  }

  #forget(txn: string, id: number): void {
    const name = this.#names?.get(id);
    if (name === undefined) return;
    this.#session.do(`delete-bytes ${indexOfNames} ${txn} ${hex(indexKeyOfName(name))}`);
    this.#names!.delete(id);
  }

  write(txn: string, id: number, xml: string): void {
    this.#session.do(`put-bytes content_document ${txn} ${hex(documentKey(id))} ${hex(xml)}`);
  }

  remove(txn: string, id: number): void {
    this.#session.do(`delete-bytes secondary_document ${txn} ${hex(nameKey(id))}`);
    this.#session.do(`delete-bytes content_document ${txn} ${hex(documentKey(id))}`);
    this.#forget(txn, id);
  }
}

const hex = (text: string | Uint8Array): string => Buffer.from(text as string).toString('hex');
const nameKey = (id: number): Uint8Array => Buffer.concat([documentKey(id), Uint8Array.of(1, 29)]);
