/** The records of a document in the order in which it is printed (dbxml documents document, 4.4). */

import {
  documentNodeId,
  informationId,
  noTexts,
  parseInformation,
  parseNode,
  type DocumentInformation,
  type StoredTexts,
  type XmlNode,
} from './node.ts';
import { DocumentProblem } from './problem.ts';

/** A record of `node_nodestorage`: the node id in its key, and its bytes. */
export interface NodeRecord {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** The records of a document. */
export interface NodeRecords {
  /** All of them, in the order of their keys. */
  all(): Iterable<NodeRecord>;
  /** One of them, once more. */
  again(id: string): Uint8Array;
}

export interface DocumentVisitor {
  information(information: DocumentInformation): void;
  texts(texts: StoredTexts): void;
  begin(node: XmlNode): void;
  end(): void;
}

/** What the library made of a document by its own mistakes; nothing is wrong with the file. */
export interface WalkNotes {
  /** Records that belong to no place in the document any more. */
  readonly leftBehind: number;
  /** Elements that are not under the parent or at the level they say. */
  readonly misplaced: number;
}

/** Elements inside each other; more than any parser takes. */
const deepest = 100_000;

/** Texts that wait for the end of their elements are kept up to this, in bytes: others are read once more. */
const mostHeld = 16 << 20;

/** An element whose end is still to come. */
interface Open {
  readonly id: string;
  readonly hasNext: boolean;
  /** Undefined where they are read once more. */
  readonly trailing: StoredTexts | undefined;
}

/**
 * Goes through the records of a document: by their order and by what elements say of children and siblings, never by ids, so
 * that nothing can lead in a circle. Yields after each record. Throws `DocumentProblem`.
 */
export function* walkDocument(records: NodeRecords, visitor: DocumentVisitor): Generator<void, WalkNotes> {
  const open: Open[] = [];
  let held = 0;
  let leftBehind = 0;
  let misplaced = 0;
  let last = '';
  let isInDocument = false;
  let isOver = false;

  const close = (trailing: StoredTexts): void => {
    visitor.texts(trailing);
    visitor.end();
  };
  /** Ends elements up to one that has a sibling; what has none is the last child of the one around it. */
  const endAround = (hasNext: boolean): void => {
    for (let goesOn = hasNext; !goesOn;) {
      const around = open.pop()!;
      held -= around.trailing?.bytes.length ?? 0;
      close(around.trailing ?? parseNode(around.id, records.again(around.id)).trailing);
      isOver = open.length === 0;
      goesOn = isOver || around.hasNext;
    }
  };

  for (const { id, bytes } of records.all()) {
    if (id <= last) throw new DocumentProblem('its nodes are not in order');
    last = id;
    if (isOver) {
      leftBehind += 1;
      yield;
      continue;
    }
    if (id === informationId) {
      visitor.information(parseInformation(bytes));
      continue;
    }
    const node = parseNode(id, bytes);
    if (node.isDocument !== (id === documentNodeId) || node.isDocument === isInDocument) {
      throw new DocumentProblem(isInDocument ? 'it has several document nodes' : 'its document node is missing');
    }
    isInDocument = true;
    if (node.isDocument ? node.leading.count > 0 : node.level !== open.length || node.parent !== open.at(-1)!.id) {
      misplaced += 1;
    }
    visitor.texts(node.leading);
    visitor.begin(node);
    if (!node.hasChildren) {
      close(node.trailing);
      if (open.length === 0) isOver = true;
      else endAround(node.hasNext);
    } else {
      if (open.length >= deepest) throw new DocumentProblem(`more than ${deepest} elements are inside each other`);
      const isKept = held + node.trailing.bytes.length <= mostHeld;
      // A copy: the record is a part of its whole page.
      const kept = node.trailing.count === 0 ? noTexts : { ...node.trailing, bytes: node.trailing.bytes.slice() };
      if (isKept) held += kept.bytes.length;
      open.push({ id, hasNext: node.hasNext, trailing: isKept ? kept : undefined });
    }
    yield;
  }
  if (last !== '' && !isOver) throw new DocumentProblem('its nodes end before the document does');
  return { leftBehind, misplaced };
}
