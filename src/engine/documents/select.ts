/** Which documents are meant: by name or pattern, and by their metadata. */

import { type DocumentEntry, type MetadataItem } from './metadata.ts';

/** An item of metadata that a document has to have. */
export interface WantedMetadata {
  /** The local name, or `{uri}name`. */
  readonly name: string;
  /** A value or a pattern; of binary values, their bytes in hex. */
  readonly value: string;
}

/** True for what may stand for several texts. */
export function isPattern(text: string): boolean {
  return /[*?]/.test(text);
}

/** True for text that is a pattern or begins with none of its own: `*` stands for any text, `?` for one character. */
export function isLike(text: string, pattern: string): boolean {
  if (text === pattern) return true;
  const wanted = Array.from(pattern);
  const given = Array.from(text);
  let at = 0;
  let i = 0;
  // Where the last `*` was, and how much of the text it stands for by now.
  let star = -1;
  let taken = 0;
  while (at < given.length) {
    if (wanted[i] === '*') {
      star = i++;
      taken = at;
    } else if (i < wanted.length && (wanted[i] === '?' || wanted[i] === given[at])) {
      i += 1;
      at += 1;
    } else if (star >= 0) {
      i = star + 1;
      taken += 1;
      at = taken;
    } else {
      return false;
    }
  }
  while (wanted[i] === '*') i += 1;
  return i === wanted.length;
}

/** True when the name is one of those asked for, where any are. */
export function isNamed({ name }: DocumentEntry, names: readonly string[]): boolean {
  return names.length === 0 || (name !== undefined && names.some((wanted) => isLike(name, wanted)));
}

/** True when the document has all of the metadata. */
export function hasMetadata({ metadata }: DocumentEntry, wanted: readonly WantedMetadata[]): boolean {
  return wanted.every(({ name, value }) =>
    metadata.some((item) => isCalled(item, name) && isLike(textOf(item), value)),
  );
}

function isCalled({ uri, name }: MetadataItem, wanted: string): boolean {
  return wanted === name || wanted === `{${uri}}${name}`;
}

function textOf({ value }: MetadataItem): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString('hex');
}
