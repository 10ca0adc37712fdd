/** Packets of the SSH File Transfer Protocol, version 3 (draft-ietf-secsh-filexfer-02), which is the one that all servers speak. */

/** What a client asks (section 3 of the draft). */
export const requests = {
  init: 1,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  stat: 17,
  rename: 18,
  extended: 200,
} as const;

/** What a server answers (section 3). */
export const answers = {
  version: 2,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attributes: 105,
  extended: 201,
} as const;

/** How a file is opened (section 6.3). */
export const openFlags = { read: 1, write: 2, create: 8, exclusive: 32 } as const;

/** How a request ended (section 7); the last two are of later versions of the protocol, and some servers answer with them all the same. */
export const statuses = {
  ok: 0,
  endOfFile: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  noConnection: 6,
  connectionLost: 7,
  unsupported: 8,
  noSpace: 14,
  quotaExceeded: 15,
} as const;

/** A field of a packet: numbers are of 32 bits, `bigint`s of 64, the rest are strings of bytes with their length before them. */
export type Field = number | bigint | string | Uint8Array;

const flagged = { size: 1, owner: 2, permissions: 4, times: 8, extended: 0x80000000 } as const;

/** Where the type of a packet and the number of the request stand in it. */
export const typeAt = 4;
export const idAt = 5;

/** A packet with its length before it, and without the number of the request yet. */
export function encodePacket(type: number, fields: readonly Field[]): Buffer {
  const parts = fields.map((field) => (typeof field === 'string' ? Buffer.from(field) : field));
  let length = 5;
  for (const part of parts) length += typeof part === 'number' ? 4 : typeof part === 'bigint' ? 8 : 4 + part.length;
  const packet = Buffer.allocUnsafe(4 + length);
  packet.writeUInt32BE(length);
  packet.writeUInt8(type, typeAt);
  let at = idAt + 4;
  for (const part of parts) {
    if (typeof part === 'number') at = packet.writeUInt32BE(part, at);
    else if (typeof part === 'bigint') at = packet.writeBigUInt64BE(part, at);
    else {
      at = packet.writeUInt32BE(part.length, at);
      packet.set(part, at);
      at += part.length;
    }
  }
  return packet;
}

/** A packet that is not as the protocol has it. */
export class MalformedPacket extends Error {}

/** What is known of a file. Servers may leave out any of it. */
export interface Attributes {
  /** In bytes. */
  readonly size?: number;
  /** Of POSIX, with the kind of file. */
  readonly mode?: number;
  /** In seconds since 1970. */
  readonly changed?: number;
}

/** The fields of a packet, one after the other. Throws `MalformedPacket` where it ends before. */
export class PacketReader {
  /** The first part, or all of them in one. */
  #bytes: Buffer;
  #rest: readonly Buffer[];
  #at = 0;

  /** @param parts in which it came */
  constructor([first = Buffer.alloc(0), ...rest]: readonly Buffer[]) {
    this.#bytes = first;
    this.#rest = rest;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length && this.#rest.length === 0;
  }

  u8(): number {
    return this.#take(1).readUInt8();
  }

  u32(): number {
    return this.#take(4).readUInt32BE();
  }

  /** Larger numbers than JavaScript has are rounded: what is that large is no size of anything. */
  u64(): number {
    return Number(this.#take(8).readBigUInt64BE());
  }

  bytes(): Buffer {
    return this.#take(this.u32());
  }

  /** As `bytes`, copied once only, to the begin of `target`. Returns how many there were. */
  bytesInto(target: Uint8Array): number {
    const length = this.u32();
    const parts = [this.#bytes.subarray(this.#at), ...this.#rest];
    if (length > target.length || parts.reduce((sum, part) => sum + part.length, 0) !== length) {
      throw new MalformedPacket('it has another length than was asked for');
    }
    let at = 0;
    for (const part of parts) {
      target.set(part, at);
      at += part.length;
    }
    return length;
  }

  text(): string {
    return this.bytes().toString();
  }

  attributes(): Attributes {
    const flags = this.u32();
    const size = flags & flagged.size ? this.u64() : undefined;
    if (flags & flagged.owner) this.#take(8);
    const mode = flags & flagged.permissions ? this.u32() : undefined;
    const changed = flags & flagged.times ? (this.u32(), this.u32()) : undefined;
    if (flags & flagged.extended) {
      for (let left = this.u32(); left > 0; left--) {
        this.bytes();
        this.bytes();
      }
    }
    return {
      ...(size === undefined ? {} : { size }),
      ...(mode === undefined ? {} : { mode }),
      ...(changed === undefined ? {} : { changed }),
    };
  }

  #take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at && this.#rest.length > 0) {
      this.#bytes = Buffer.concat([this.#bytes, ...this.#rest]);
      this.#rest = [];
    }
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new MalformedPacket('it ends too early');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

/** What kind of file a mode of POSIX is of. */
export function kindOf({ mode }: Attributes): 'file' | 'directory' | 'other' {
  const kind = (mode ?? 0) & 0o170000;
  return kind === 0o100000 ? 'file' : kind === 0o040000 ? 'directory' : 'other';
}
