/** Standard input and output of commands that pass sets on as bytes. */

import { FigaroError } from '../errors.ts';
import { byteInput } from '../output/byte-input.ts';
import { ByteOutput, leadsNowhere } from '../output/byte-output.ts';
import { type CommandContext } from './context.ts';

/** For bytes. Throws `usage` where they would be shown to somebody, and where nobody would get them. */
export function byteOutputOf({ io: { stdout, signal } }: CommandContext): ByteOutput {
  const problem = stdout.isTTY
    ? 'a terminal, and a set is not text'
    : leadsNowhere(stdout)
      ? 'closed, or the null device: the set would be lost'
      : undefined;
  if (problem === undefined) return new ByteOutput(stdout, signal);
  throw new FigaroError('usage', `standard output is ${problem}`, {
    hint: 'write it into a file or to a program: > set.tar, | mbuffer …',
  });
}

/** Runs `work` on the bytes that come, and takes no more when it is done. Throws `usage` where somebody would have to type them. */
export async function withByteInput<T>(
  { io: { stdin, signal } }: CommandContext,
  work: (input: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  if (!stdin || stdin.isTTY) {
    throw new FigaroError('usage', 'standard input is a terminal, not a stream of sets', {
      hint: 'read it from a file or a program: < set.tar, mbuffer … |',
    });
  }
  try {
    return await work(byteInput(stdin, signal));
  } finally {
    (stdin as { destroy?: () => void }).destroy?.();
  }
}
