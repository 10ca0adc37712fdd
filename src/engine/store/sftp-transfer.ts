/** The bytes of files by SFTP. Every request takes a while to be answered, so many are under way at once. */

import { wrongLength } from './object-source.ts';
import { isRefused, type Handle, type SftpClient } from './sftp-client.ts';
import { answers, encodePacket, requests, statuses } from './sftp-packets.ts';
import { type ObjectSource, type Range } from './store.ts';

/** How much is under way at once: enough for 50 MB/s where an answer takes 40 ms. In bytes of memory, too. */
const underWayBytes = 2 << 20;

/** Requests under way. Servers answer in order, so the oldest is waited for when there are too many. */
class UnderWay {
  readonly #most: number;
  readonly #requests: Promise<unknown>[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** Returns once there are fewer than `most`. */
  async add(request: Promise<unknown>): Promise<void> {
    // When one fails, nobody waits for those after it.
    request.catch(() => {});
    this.#requests.push(request);
    if (this.#requests.length >= this.#most) await this.#requests.shift();
  }

  async all(): Promise<void> {
    await Promise.all(this.#requests);
  }
}

/** A request to write, whose memory is used again and again. */
class WritePacket {
  readonly #bytes: Buffer;
  readonly #room: number;
  readonly #dataAt: number;
  #filled = 0;

  constructor(handle: Handle, room: number) {
    this.#bytes = encodePacket(requests.write, [handle, 0n, new Uint8Array(room)]);
    this.#room = room;
    this.#dataAt = this.#bytes.length - room;
  }

  get filled(): number {
    return this.#filled;
  }

  get isFull(): boolean {
    return this.#filled === this.#room;
  }

  /** Takes what there is room for, and returns how much that was. */
  add(piece: Uint8Array): number {
    const taken = Math.min(piece.length, this.#room - this.#filled);
    this.#bytes.set(piece.subarray(0, taken), this.#dataAt + this.#filled);
    this.#filled += taken;
    return taken;
  }

  /** The packet that writes what was added at this place of the file. */
  finish(offset: number): Buffer {
    const packet = this.#bytes.subarray(0, this.#dataAt + this.#filled);
    packet.writeUInt32BE(packet.length - 4);
    packet.writeBigUInt64BE(BigInt(offset), this.#dataAt - 12);
    packet.writeUInt32BE(this.#filled, this.#dataAt - 4);
    this.#filled = 0;
    return packet;
  }
}

/** Writes all of a source to a file that was made for it. Throws `io` where it is longer or shorter than it says. */
export async function writeBytes(
  client: SftpClient,
  handle: Handle,
  source: ObjectSource,
  name: string,
): Promise<void> {
  const room = Math.max(1, Math.min(client.requestBytes.write, source.size));
  const most = Math.min(Math.ceil(underWayBytes / room), Math.ceil(source.size / room) + 1);
  const packets = Array.from({ length: most }, () => new WritePacket(handle, room));
  const underWay = new UnderWay(most);
  let next = 0;
  let sent = 0;
  const send = async (packet: WritePacket): Promise<void> => {
    const { filled } = packet;
    const request = client.session.send(answers.status, packet.finish(sent));
    sent += filled;
    next = (next + 1) % most;
    await underWay.add(request);
  };
  let taken = 0;
  for await (const piece of source.open(0, source.size)) {
    taken += piece.length;
    if (taken > source.size) throw wrongLength(name, source, `more than ${source.size}`);
    for (let at = 0; at < piece.length;) {
      const packet = packets[next]!;
      at += packet.add(piece.subarray(at));
      if (packet.isFull) await send(packet);
    }
  }
  if (taken < source.size) throw wrongLength(name, source, `${taken}`);
  if (packets[next]!.filled > 0) await send(packets[next]!);
  await underWay.all();
}

/** Reads a part of a file. Less comes where the file ends before. */
export async function readBytes(client: SftpClient, handle: Handle, { start, length }: Range): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(length);
  const atOnce = client.requestBytes.read;
  const underWay = new UnderWay(Math.ceil(underWayBytes / atOnce));
  let end = length;
  const read = async (from: number, to: number): Promise<void> => {
    for (let at = from; at < to;) {
      const came = await readInto(bytes.subarray(at, to), client, handle, start + at);
      if (came === 0) {
        end = Math.min(end, at);
        return;
      }
      at += came;
    }
  };
  for (let at = 0; at < end; at += atOnce) await underWay.add(read(at, Math.min(at + atOnce, length)));
  await underWay.all();
  return bytes.subarray(0, end);
}

/** Returns how much the server gives of a part of a file, which may be less than all of it; 0 behind its end. */
async function readInto(target: Uint8Array, client: SftpClient, handle: Handle, at: number): Promise<number> {
  try {
    const answer = await client.session.ask(answers.data, requests.read, handle, BigInt(at), target.length);
    return answer.bytesInto(target);
  } catch (error) {
    if (isRefused(error, statuses.endOfFile)) return 0;
    throw error;
  }
}
