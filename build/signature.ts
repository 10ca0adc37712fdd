/** What Authenticode puts at the end of a program of Windows. Facts of the format: "PE Format", Microsoft. */

const at = {
  /** Of the header, from the beginning of the file. */
  headerOffset: 0x3c,
  /** The others from the beginning of that. */
  signature: 0,
  magic: 24,
  /** Address and length of the certificates, in the header of 64-bit programs. */
  certificates: 24 + 112 + 4 * 8,
} as const;
const peSignature = 0x4550;
const magicOf64Bits = 0x20b;

/** A 64-bit program without its signature: that is void once something is put into it, which looks like tampering. */
export function withoutSignature(program: Buffer): Buffer {
  const header = program.readUInt32LE(at.headerOffset);
  if (program.readUInt32LE(header + at.signature) !== peSignature) throw new Error('no program of Windows');
  if (program.readUInt16LE(header + at.magic) !== magicOf64Bits) throw new Error('no 64-bit program');
  const offset = program.readUInt32LE(header + at.certificates);
  const length = program.readUInt32LE(header + at.certificates + 4);
  if (offset === 0) return program;
  if (offset + length !== program.length) throw new Error('there is something after the signature');
  const bare = Buffer.from(program.subarray(0, offset));
  bare.fill(0, header + at.certificates, header + at.certificates + 8);
  return bare;
}
