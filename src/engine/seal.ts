/** JSON texts that carry their own SHA-256, so that any change of them is noticed. */

import { createHash } from 'node:crypto';

/** Where a text has its SHA-256. */
interface Seal {
  /** @param json an object, as `JSON.stringify` prints it with two spaces */
  close(json: string): string;
  /** The JSON that was sealed; undefined for a text that is not as it was written. */
  open(text: string): string | undefined;
}

/** As the last field of the object. */
export const lastField: Seal = {
  close: (json) => `${json.slice(0, -2)},\n  "sha256": "${sha256(json)}"\n}\n`,
  open(text) {
    const seal = /,\n {2}"sha256": "([0-9a-f]{64})"\n\}\n$/.exec(text);
    if (!seal) return undefined;
    const json = `${text.slice(0, seal.index)}\n}`;
    return sha256(json) === seal[1] ? json : undefined;
  },
};

/** On a line of its own, before the object. */
export const firstLine: Seal = {
  close: (json) => `{"sha256":"${sha256(json)}"}\n${json}\n`,
  open(text) {
    const seal = /^\{"sha256":"([0-9a-f]{64})"\}\n/.exec(text);
    if (!seal) return undefined;
    const json = text.slice(seal[0].length).trimEnd();
    return sha256(json) === seal[1] ? json : undefined;
  },
};

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
