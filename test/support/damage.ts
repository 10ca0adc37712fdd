import fs from 'node:fs';

/** Changes one bit of a file. */
export function flipBit(file: string, at: number): void {
  const bytes = fs.readFileSync(file);
  bytes[at]! ^= 1;
  fs.writeFileSync(file, bytes);
}
