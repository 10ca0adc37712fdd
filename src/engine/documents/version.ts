/** What tells one version of a document from another. */

import { createHash } from 'node:crypto';
import { type XmlContainer } from './container.ts';
import { type Warn } from './content.ts';
import { metadataJson, type DocumentEntry } from './metadata.ts';

/** A document at one moment. */
export interface DocumentVersion {
  readonly id: number;
  /** Of the XML, or of what is stored of it where only the application can read that; in bytes. */
  readonly size: number;
  /** Of the same. */
  readonly sha256: string;
  /** Of its metadata. */
  readonly metadataSha256: string;
}

/** A document as it is in a container. Throws what reading it throws. */
export async function versionOf(
  container: XmlContainer,
  entry: DocumentEntry,
  warn: Warn = () => {},
): Promise<DocumentVersion> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const piece of container.fingerprint(entry, warn)) {
    hash.update(piece);
    size += piece.length;
  }
  const items = entry.metadata.map((item) => JSON.stringify(metadataJson(item))).sort();
  const metadataSha256 = createHash('sha256').update(JSON.stringify(items)).digest('hex');
  return { id: entry.id, size, sha256: hash.digest('hex'), metadataSha256 };
}
