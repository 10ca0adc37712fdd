/** Names for documents that any file system takes: documents can be called anything. */

import { createHash } from 'node:crypto';
import { deviceName } from '../../format/windows-names.ts';
import { type DocumentEntry } from './metadata.ts';

/** Which file is which document. */
export const indexName = 'documents.json';

/** In bytes; what is added to tell names apart has room behind it in the 255 that there are. */
const longest = 180;

/** Gives each document a file name of its own, also where upper and lower case are the same. */
export class FileNames {
  /** By hashes: there can be millions. Where two are the same, a name is only longer. */
  readonly #taken = new Set<number>([keyOf(indexName)]);

  nameFor({ id, name }: DocumentEntry): string {
    const plain = safe(name ?? '');
    const isItself = plain === name;
    for (let file = isItself ? plain : withMark(plain, id); ; file = withMark(file, id)) {
      const key = keyOf(file);
      if (this.#taken.has(key)) continue;
      this.#taken.add(key);
      return file;
    }
  }
}

/** The name where it is harmless everywhere; else one that is like it. */
function safe(name: string): string {
  const text = name
    .normalize('NFC')
    .replaceAll(/[^\p{L}\p{M}\p{N}._+=@(),#~ -]/gu, '_')
    .replace(deviceName, '_$1')
    .replace(/^[.~ -]/, '_')
    .replace(/[. ]+$/, '_');
  return shortened(text === '' ? 'document' : text);
}

function shortened(name: string): string {
  if (Buffer.byteLength(name) <= longest) return name;
  const { stem, extension } = parts(name);
  const characters: string[] = [];
  let length = Buffer.byteLength(extension);
  for (const character of stem) {
    length += Buffer.byteLength(character);
    if (length > longest) break;
    characters.push(character);
  }
  return characters.join('').replace(/[. ]+$/, '_') + extension;
}

/** `order.xml` becomes `order-12.xml`. */
function withMark(name: string, id: number): string {
  const { stem, extension } = parts(name);
  return `${stem}-${id}${extension}`;
}

function parts(name: string): { readonly stem: string; readonly extension: string } {
  const extension = /(?<=.)\.[A-Za-z0-9]{1,8}$/.exec(name)?.[0] ?? '';
  return { stem: name.slice(0, name.length - extension.length), extension };
}

/** The same for names that some file system takes for the same. */
function keyOf(name: string): number {
  const folded = name.normalize('NFKD').toLowerCase().toUpperCase();
  return createHash('sha256').update(folded).digest().readUIntBE(0, 6);
}
