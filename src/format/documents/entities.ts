/** Which text of a document is that of entities, and is not printed (dbxml documents document, 4.3, 4.5). */

import { textsOf, textType } from './node.ts';
import { DocumentProblem } from './problem.ts';
import { walkDocument, type NodeRecords } from './walk.ts';

/** Starts and ends of entities in a document, by their number in its order. */
export interface EntityPlan {
  /** True where there are as many ends as starts: then each counts. */
  readonly isEven: boolean;
  /** Where there are not: those that belong together. */
  readonly isPaired: (event: number) => boolean;
}

/** More than any document has. */
const mostEvents = 1 << 24;

/** Looks through a document for the starts and ends of its entities. Throws `DocumentProblem`. */
export function* planEntities(records: NodeRecords): Generator<void, EntityPlan> {
  const open = new Map<string, number[]>();
  let paired = new Uint8Array(1 << 10);
  let events = 0;
  let depth = 0;
  yield* walkDocument(records, {
    information() {},
    begin() {},
    end() {},
    texts(texts) {
      for (const { type, text } of textsOf(texts)) {
        if (type !== textType.entityStart && type !== textType.entityEnd) continue;
        if (events >= mostEvents) throw new DocumentProblem(`it has more than ${mostEvents / 2} entities`);
        if (events >= paired.length) paired = grown(paired);
        const starts = open.get(text);
        if (type === textType.entityStart) {
          depth += 1;
          if (starts) starts.push(events);
          else open.set(text, [events]);
        } else {
          depth -= 1;
          const start = starts?.pop();
          if (start !== undefined) paired[start] = paired[events] = 1;
        }
        events += 1;
      }
    },
  });
  return { isEven: depth === 0, isPaired: (event) => paired[event] === 1 };
}

function grown(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(2 * bytes.length);
  larger.set(bytes);
  return larger;
}
