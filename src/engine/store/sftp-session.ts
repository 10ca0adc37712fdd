/** Requests of SFTP and their answers, many at a time, over whatever connects to the server. */

import { type Readable, type Writable } from 'node:stream';
import { FigaroError } from '../../errors.ts';
import { formatDuration } from '../../measures.ts';
import {
  answers,
  encodePacket,
  idAt,
  typeAt,
  MalformedPacket,
  PacketReader,
  requests,
  statuses,
  type Field,
} from './sftp-packets.ts';
import { Unreachable } from './unreachable.ts';

/** What connects to an SFTP server. */
export interface Transport {
  readonly input: Readable;
  readonly output: Writable;
  /** Why there is no connection any more. */
  readonly ended: Promise<FigaroError>;
  /** Ends the connection properly, where the other side still listens. */
  end(): Promise<void>;
  /** Ends it at once. */
  kill(): void;
}

export interface SessionOptions {
  /** What the server is called in messages. */
  readonly place: string;
  /** How long it may take until the server speaks. In ms. */
  readonly connectMs: number;
  /** How long the server may take for a request while it answers none. In ms. */
  readonly silenceMs: number;
}

/** A request that the server refused. */
export class RefusedRequest extends Error {
  /** What kind of request it was, or which extension. */
  readonly request: number | string;
  readonly status: number;

  constructor(request: number | string, status: number, message: string) {
    super(message);
    this.request = request;
    this.status = status;
  }
}

interface Pending {
  readonly request: number;
  readonly expected: number;
  readonly resolve: (answer: PacketReader) => void;
  readonly reject: (error: Error) => void;
}

/** Packets that are longer than that are none: servers send no more than 256 KiB at a time. */
const longestPacket = 1 << 20;
/** A type and the number of a request. */
const shortestPacket = 5;
const protocolVersion = 3;

export class SftpSession {
  /** What the server can do beyond the protocol, and in which version. */
  readonly extensions = new Map<string, string>();
  readonly #transport: Transport;
  readonly #options: SessionOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #began: Promise<void>;
  #begin!: () => void;
  #refuse!: (error: Error) => void;
  #hasBegun = false;
  #failure: FigaroError | undefined;
  #lastId = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When the server last answered, or had nothing to answer. */
  #heardAt = 0;
  /** The packet that is coming in, in the parts in which it comes. */
  #header = Buffer.alloc(4);
  #headerBytes = 0;
  #parts: Buffer[] = [];
  #missingBytes = 0;

  private constructor(transport: Transport, options: SessionOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#began = new Promise((resolve, reject) => {
      this.#begin = resolve;
      this.#refuse = reject;
    });
    const { input, output, ended } = transport;
    input.on('data', (chunk: Buffer) => this.#receive(chunk));
    // What went wrong with the pipes, `ended` tells.
    input.on('error', () => {});
    output.on('error', () => {});
    void ended.then((error) => this.#fail(error));
  }

  /** Resolves once the server has said what it can do. */
  static async begin(transport: Transport, options: SessionOptions): Promise<SftpSession> {
    const session = new SftpSession(transport, options);
    const { place, connectMs } = options;
    const timer = setTimeout(
      () => session.#fail(new Unreachable(`${place}: no connection within ${formatDuration(connectMs)}`)),
      connectMs,
    );
    try {
      const hello = encodePacket(requests.init, []);
      hello.writeUInt32BE(protocolVersion, idAt);
      transport.output.write(hello);
      await session.#began;
    } finally {
      clearTimeout(timer);
    }
    return session;
  }

  /** True once it can be used no more. */
  get isOver(): boolean {
    return this.#failure !== undefined;
  }

  /** Asks the server. Returns what it answers after the number of the request, and throws `RefusedRequest`. */
  async ask(expected: number, type: number, ...fields: readonly Field[]): Promise<PacketReader> {
    return await this.send(expected, encodePacket(type, fields));
  }

  /** As `ask`, with a packet whose bytes are left alone until the answer is there. */
  async send(expected: number, packet: Buffer): Promise<PacketReader> {
    if (this.#failure) throw this.#failure;
    this.#lastId = (this.#lastId + 1) >>> 0;
    const id = this.#lastId;
    packet.writeUInt32BE(id, idAt);
    const answer = new Promise<PacketReader>((resolve, reject) => {
      this.#pending.set(id, { request: packet[typeAt]!, expected, resolve, reject });
    });
    if (this.#pending.size === 1) this.#heardAt = performance.now();
    this.#timer ??= setTimeout(() => this.#look(), this.#options.silenceMs);
    this.#transport.output.write(packet);
    return await answer;
  }

  /** Ends the session; what was asked and not answered fails. */
  async end(): Promise<void> {
    if (!this.#failure) await this.#transport.end();
    this.#fail(new FigaroError('io', `${this.#options.place}: the connection was closed`));
  }

  /** Gives up on a server that owes an answer for too long. */
  #look(): void {
    this.#timer = undefined;
    if (this.#pending.size === 0) return;
    const { place, silenceMs } = this.#options;
    const left = this.#heardAt + silenceMs - performance.now();
    if (left > 0) this.#timer = setTimeout(() => this.#look(), left);
    else this.#fail(new Unreachable(`${place}: no answer for ${formatDuration(silenceMs)}`));
  }

  #fail(error: FigaroError): void {
    if (this.#failure) return;
    this.#failure = error;
    clearTimeout(this.#timer);
    this.#transport.kill();
    this.#refuse(error);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #receive(chunk: Buffer): void {
    this.#heardAt = performance.now();
    for (let at = 0; at < chunk.length && !this.#failure;) {
      if (this.#missingBytes === 0) {
        this.#header[this.#headerBytes++] = chunk[at++]!;
        if (this.#headerBytes < 4) continue;
        this.#headerBytes = 0;
        this.#missingBytes = this.#header.readUInt32BE();
        if (this.#missingBytes < shortestPacket || this.#missingBytes > longestPacket) {
          this.#fail(this.#garbled(Buffer.concat([this.#header, chunk.subarray(at)])));
        }
        continue;
      }
      const part = chunk.subarray(at, at + this.#missingBytes);
      at += part.length;
      this.#missingBytes -= part.length;
      this.#parts.push(part);
      if (this.#missingBytes > 0) return;
      const parts = this.#parts;
      this.#parts = [];
      this.#take(parts);
    }
  }

  #take(parts: readonly Buffer[]): void {
    try {
      this.#answer(new PacketReader(parts));
    } catch (error) {
      if (!(error instanceof MalformedPacket)) throw error;
      this.#fail(this.#garbled(Buffer.concat(parts)));
    }
  }

  #answer(reader: PacketReader): void {
    const type = reader.u8();
    const id = reader.u32();
    if (!this.#hasBegun) {
      if (type !== answers.version) throw new MalformedPacket('it is no greeting');
      while (!reader.isAtEnd) this.extensions.set(reader.text(), reader.text());
      this.#hasBegun = true;
      this.#begin();
      return;
    }
    const pending = this.#pending.get(id);
    if (!pending) throw new MalformedPacket('nobody asked');
    if (type !== answers.status && type !== pending.expected) throw new MalformedPacket('it answers something else');
    if (type === answers.status) {
      const status = reader.u32();
      // Some servers leave out the message.
      const message = reader.isAtEnd ? '' : reader.text();
      if (status === statuses.ok && pending.expected === answers.status) pending.resolve(reader);
      else pending.reject(new RefusedRequest(pending.request, status, message));
    } else pending.resolve(reader);
    this.#pending.delete(id);
  }

  /** What is not SFTP is mostly what a shell prints that starts before the server does. */
  #garbled(bytes: Buffer): FigaroError {
    const { place } = this.#options;
    if (this.#hasBegun) return new Unreachable(`${place}: the answer of the server cannot be understood`);
    const [text] = /[\x20-\x7e]{0,80}/.exec(bytes.toString('latin1').trimStart())!;
    return new FigaroError('io', `${place}: what answers there is no SFTP server: ${JSON.stringify(text)}`, {
      hint: 'does a start-up file of the shell of that account, as ~/.bashrc, print something? It must not when nobody is at a terminal.',
    });
  }
}
