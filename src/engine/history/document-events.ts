/** What happened to a document, found by looking at it again and again. */

import { type Lsn } from '../../format/lsn.ts';
import { type DocumentVersion } from '../documents/version.ts';
import { type Commit } from '../recovery/restore-point.ts';

/** What happened to a document. The first entry can say that it was there when the log begins. */
export interface DocumentEvent {
  readonly kind: 'there' | 'put' | 'changed' | 'deleted';
  readonly lsn: Lsn;
  /** Seconds since 1970. */
  readonly time: number;
  /** Undefined where it was there when the log begins. */
  readonly txnId: number | undefined;
  /** Undefined where it was deleted. */
  readonly version: DocumentVersion | undefined;
  /** What of it was changed. */
  readonly contentChanged: boolean;
  readonly metadataChanged: boolean;
}

export interface DocumentHistory {
  readonly events: readonly DocumentEvent[];
  /** The first and the last commit that are covered; undefined for a log without one. */
  readonly covered: { readonly first: Commit; readonly last: Commit } | undefined;
}

const unchanged = { contentChanged: false, metadataChanged: false } as const;

export class DocumentEvents {
  readonly all: DocumentEvent[] = [];
  #version: DocumentVersion | undefined;

  /** The document as it is at the first commit; undefined where it is not there. */
  begin(first: Commit, version: DocumentVersion | undefined): void {
    this.#version = version;
    if (version) this.all.push({ kind: 'there', ...first, txnId: undefined, version, ...unchanged });
  }

  /** The document as of a later commit. */
  note(at: Pick<DocumentEvent, 'lsn' | 'time' | 'txnId'>, version: DocumentVersion | undefined): void {
    const before = this.#version;
    this.#version = version;
    if (!before && !version) return;
    const contentChanged = before?.sha256 !== version?.sha256;
    const metadataChanged = before?.metadataSha256 !== version?.metadataSha256;
    if (!contentChanged && !metadataChanged) return;
    const kind = !before ? 'put' : !version ? 'deleted' : 'changed';
    const what = before && version ? { contentChanged, metadataChanged } : unchanged;
    this.all.push({ kind, ...at, version, ...what });
  }
}
