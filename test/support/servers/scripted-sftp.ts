/** A server of SFTP that answers as a test says, be it as the protocol has it or not. */

import { PassThrough } from 'node:stream';
import { SftpClient } from '../../../src/engine/store/sftp-client.ts';
import { answers, encodePacket, idAt, PacketReader, type Field } from '../../../src/engine/store/sftp-packets.ts';
import { SftpSession, type Transport } from '../../../src/engine/store/sftp-session.ts';
import { Unreachable } from '../../../src/engine/store/unreachable.ts';

/** The type of a request, its number, and what it is about. Returns bytes, or nothing. */
export type Script = (type: number, id: number, request: PacketReader) => Uint8Array | undefined;

/** What it says first: version 3, and an extension. */
export const greeting = answer(answers.version, 3, 'fsync@openssh.com', '1');

export function answer(type: number, id: number, ...fields: readonly Field[]): Buffer {
  const packet = encodePacket(type, fields);
  packet.writeUInt32BE(id, idAt);
  return packet;
}

export interface ScriptedServer {
  readonly transport: Transport;
  /** Says something that nobody asked for. */
  say(bytes: Uint8Array): void;
  /** Whether the client has ended the connection. */
  readonly isKilled: boolean;
  lose(): void;
}

/** @param pieceBytes of what it says, in bytes: how much comes at a time */
export function scriptedServer(script: Script, hello: Uint8Array = greeting, pieceBytes = Infinity): ScriptedServer {
  const [input, output] = [new PassThrough(), new PassThrough()];
  let end!: (error: Unreachable) => void;
  let isKilled = false;
  const say = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length; at += pieceBytes) input.write(bytes.subarray(at, at + pieceBytes));
  };
  let isGreeted = false;
  output.on('data', (packet: Buffer) => {
    const reader = new PacketReader([packet.subarray(4)]);
    const [type, id] = [reader.u8(), reader.u32()];
    const said = isGreeted ? script(type, id, reader) : hello;
    isGreeted = true;
    if (said) say(said);
  });
  return {
    transport: {
      input,
      output,
      ended: new Promise((resolve) => {
        end = resolve;
      }),
      end: () => Promise.resolve(),
      kill: () => {
        isKilled = true;
        input.destroy();
      },
    },
    say,
    get isKilled() {
      return isKilled;
    },
    lose: () => end(new Unreachable('sftp://host/a: the connection was lost')),
  };
}

export async function scriptedClient({ transport }: ScriptedServer, silenceMs = 60_000): Promise<SftpClient> {
  const session = await SftpSession.begin(transport, { place: 'sftp://host/a', connectMs: 60_000, silenceMs });
  return await SftpClient.of(session);
}
