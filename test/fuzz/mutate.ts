/** Damage to environments, the same for the same seed. */

import fs from 'node:fs';
import path from 'node:path';
import { frameSize, recordAt, sealRecord } from '../../src/format/log/frame.ts';
import { logFileNumber } from '../../src/format/names.ts';
import { toStored } from '../../src/format/page/checksum.ts';
import { recognizeFile } from '../../src/format/page/meta.ts';

/** Numbers that follow from a seed. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to, not including, `n`. */
  below(n: number): number {
    // Mulberry32.
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }

  oneOf<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }
}

const extremes = [0, 1, 2, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff] as const;

/** Damages one to three places of the environment in a directory; says in words what it did. */
export function damage(directory: string, chance: Chance): string[] {
  const names = fs
    .readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => fs.statSync(path.join(directory, name)).isFile())
    .sort();
  const done: string[] = [];
  for (let i = chance.below(3); i >= 0; i--) {
    const name = chance.oneOf(names);
    const file = path.join(directory, name);
    const bytes = new Uint8Array(fs.readFileSync(file));
    if (bytes.length === 0) continue;
    const kind = logFileNumber(path.basename(name)) === undefined ? 'pages' : 'log';
    const plain = chance.below(4) === 0;
    const changed = plain
      ? damageBytes(bytes, chance)
      : kind === 'log'
        ? damageRecord(bytes, chance)
        : damagePage(bytes, chance);
    fs.writeFileSync(file, changed.bytes);
    done.push(`${name}: ${changed.what}`);
  }
  return done;
}

interface Changed {
  readonly bytes: Uint8Array;
  readonly what: string;
}

function damageBytes(bytes: Uint8Array, chance: Chance): Changed {
  const at = chance.below(bytes.length);
  const length = Math.min(bytes.length - at, 1 + chance.below(5000));
  switch (chance.below(5)) {
    case 0:
      bytes[at]! ^= 1 << chance.below(8);
      return { bytes, what: `bit flipped at ${at}` };
    case 1:
      bytes.fill(0, at, at + length);
      return { bytes, what: `${length} bytes zeroed at ${at}` };
    case 2:
      return { bytes: bytes.slice(0, at), what: `cut off at ${at}` };
    case 3: {
      const to = chance.below(bytes.length);
      bytes.copyWithin(to, at, at + length);
      return { bytes, what: `${length} bytes at ${at} copied to ${to}` };
    }
    default: {
      const longer = new Uint8Array(bytes.length + length);
      longer.set(bytes);
      for (let i = 0; i < length; i++) longer[bytes.length + i] = chance.below(256);
      return { bytes: longer, what: `${length} bytes appended` };
    }
  }
}

/** Changes a field of a few bytes between two offsets. */
function damageField(bytes: Uint8Array, start: number, end: number, chance: Chance): string {
  const at = start + chance.below(Math.max(1, end - start));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const aligned = Math.min(at - ((at - start) % 4), bytes.length - 4);
  const littleEndian = chance.below(4) !== 0;
  switch (chance.below(4)) {
    case 0:
      bytes[at] = chance.below(256);
      return `byte at ${at}`;
    case 1: {
      const value = chance.oneOf(extremes);
      view.setUint32(aligned, value, littleEndian);
      return `number at ${aligned} set to ${value}`;
    }
    case 2: {
      const value = view.getUint32(aligned, littleEndian) + chance.below(9) - 4;
      view.setUint32(aligned, value >>> 0, littleEndian);
      return `number at ${aligned} changed to ${value >>> 0}`;
    }
    default: {
      const two = Math.min(at - ((at - start) % 2), bytes.length - 2);
      const value = chance.oneOf(extremes) & 0xffff;
      view.setUint16(two, value, littleEndian);
      return `short number at ${two} set to ${value}`;
    }
  }
}

/** Changes a record of a plain log, and gives it the checksum it needs to be believed. */
function damageRecord(bytes: Uint8Array, chance: Chance): Changed {
  const view = new DataView(bytes.buffer);
  const starts: number[] = [];
  for (let at = 0; at + recordAt.fields <= bytes.length;) {
    const length = view.getUint32(at + recordAt.length, true);
    if (length < frameSize || at + length > bytes.length) break;
    starts.push(at);
    at += length;
  }
  if (starts.length === 0) return damageBytes(bytes, chance);
  const at = chance.oneOf(starts);
  const prev = view.getUint32(at, true);
  const length = view.getUint32(at + recordAt.length, true);
  const record = bytes.subarray(at, at + length);
  // Mostly in the fields at the beginning: what follows is data.
  const end = chance.below(4) === 0 ? length : Math.min(length, 80);
  const what = damageField(record, frameSize, end, chance);
  sealRecord(record, prev);
  return { bytes, what: `record at ${at}: ${what}` };
}

/** Changes a page, and gives it its checksum. */
function damagePage(bytes: Uint8Array, chance: Chance): Changed {
  const recognition = recognizeFile(bytes.subarray(0, 512));
  if (recognition.kind !== 'database') return damageBytes(bytes, chance);
  const { format } = recognition;
  const { pageSize } = format;
  const pages = Math.floor(bytes.length / pageSize);
  if (pages === 0) return damageBytes(bytes, chance);
  const pgno = chance.below(3) === 0 ? 0 : chance.below(pages);
  const page = bytes.subarray(pgno * pageSize, (pgno + 1) * pageSize);
  const header = pgno === 0 ? Math.min(300, pageSize) : 90;
  const end = chance.below(3) === 0 ? pageSize : header;
  const what = damageField(page, 0, end, chance);
  page.set(toStored(page, format));
  return { bytes, what: `page ${pgno}: ${what}` };
}
