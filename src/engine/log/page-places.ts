/** Where log records name the pages that they change: most of them at the same place in each record of a kind. */

import { type ByteRange } from '../../format/byte-range.ts';
import { RecordCursor, type FreePage } from '../../format/log/cursor.ts';
import { layoutsFor } from '../../format/log/layouts.ts';
import { type RecordLayout } from '../../format/log/record.ts';

/** Offsets in the fields of a record, in bytes. */
export interface PagePlaces {
  readonly fileId: number;
  readonly pgnos: readonly number[];
  /** Of pages that need not be there: 0 stands for none. */
  readonly pgnosIfAny: readonly number[];
  /** Behind all of them. */
  readonly end: number;
}

/** Reads a layout over no bytes at all, to see where its fields are. */
class PlacesCursor extends RecordCursor {
  #fileId: number | undefined;
  readonly #pgnos: number[] = [];
  readonly #pgnosIfAny: number[] = [];
  /** Behind a field of variable length, nothing is at the same place in each record. */
  #isBehindBytes = false;
  #isFixed = true;

  override fileId(): number {
    this.#see();
    this.#fileId = this.position;
    return super.fileId();
  }

  override pgno(): number {
    this.#see();
    this.#pgnos.push(this.position);
    return super.pgno();
  }

  override pgnoIfAny(): number {
    this.#see();
    this.#pgnosIfAny.push(this.position);
    return super.pgno();
  }

  override freeList(): readonly FreePage[] {
    this.#isFixed = false;
    return super.freeList();
  }

  override bytes(): ByteRange {
    this.#isBehindBytes = true;
    return super.bytes();
  }

  #see(): void {
    if (this.#isBehindBytes) this.#isFixed = false;
  }

  get places(): PagePlaces | undefined {
    if (this.#fileId === undefined || !this.#isFixed) return undefined;
    const end = Math.max(this.#fileId, ...this.#pgnos, ...this.#pgnosIfAny) + 4;
    return { fileId: this.#fileId, pgnos: this.#pgnos, pgnosIfAny: this.#pgnosIfAny, end };
  }
}

function placesIn(layout: RecordLayout<object>): PagePlaces | undefined {
  const cursor = new PlacesCursor();
  layout.decode(cursor);
  return cursor.places;
}

const byVersion = new Map<number, readonly (PagePlaces | undefined)[]>();

/**
 * The places of one log version, indexed by record code; undefined for records that name no database, or their pages not always at
 * the same place.
 */
export function pagePlacesFor(logVersion: number): readonly (PagePlaces | undefined)[] {
  let table = byVersion.get(logVersion);
  if (!table) {
    table = layoutsFor(logVersion).map((layout) => layout && placesIn(layout));
    byVersion.set(logVersion, table);
  }
  return table;
}
