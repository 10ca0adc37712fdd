/** Keys of encrypted repositories: from files, never from the command line. */

import readline from 'node:readline';
import { withFile } from '../engine/files/read.ts';
import { type Files } from '../engine/files/files.ts';
import { type GivenKeys } from '../engine/packed/opening.ts';
import { FigaroError } from '../errors.ts';
import { type CommandContext } from './context.ts';

/** What a command that has a repository can be told of an encrypted one. */
export interface KeyOptions {
  readonly identity?: readonly string[];
  readonly keyFile?: string;
}

/** More is no file of keys, in bytes. */
const limit = (64 << 10) + 1;

/** The keys that the operator gave. Throws `password` for files that cannot be used. */
export async function givenKeys(context: CommandContext, { identity = [], keyFile }: KeyOptions): Promise<GivenKeys> {
  const identities: string[] = [];
  for (const file of identity) identities.push(...(await linesOf(context, file)));
  if (keyFile === undefined) return { identities };
  const [machine, ...earlier] = await linesOf(context, keyFile);
  return { identities, machine: machine!, earlier };
}

/** By file: whoever has typed a passphrase is not asked for it again. */
const alreadyRead = new WeakMap<CommandContext, Map<string, Promise<readonly string[]>>>();

/** The identities in a file, as lines of it. */
export function linesOf(context: CommandContext, file: string): Promise<readonly string[]> {
  const known = alreadyRead.get(context) ?? new Map<string, Promise<readonly string[]>>();
  alreadyRead.set(context, known);
  const lines = known.get(file) ?? readLines(context, file);
  known.set(file, lines);
  return lines;
}

async function readLines(context: CommandContext, file: string): Promise<readonly string[]> {
  const { readIdentities } = await import('../engine/age/identity-file.ts');
  const identities = await readIdentities(read(context.files, file), {
    name: file,
    askPassphrase: () => askPassphrase(context, file),
  });
  return identities.map((identity) => identity.line());
}

function read(files: Files, file: string): Uint8Array {
  try {
    return withFile(files, file, (opened) => {
      const bytes = new Uint8Array(limit);
      return bytes.subarray(0, opened.readAt(bytes, 0));
    });
  } catch (cause) {
    if (!(cause instanceof FigaroError)) throw cause;
    throw new FigaroError('password', `the key cannot be read: ${cause.message}`, { path: file, cause });
  }
}

/** Without what is typed being seen. */
async function askPassphrase({ io: { stdin, stderr } }: CommandContext, file: string): Promise<string> {
  if (!stdin?.isTTY || !stderr.isTTY) {
    throw new FigaroError('password', `${file} is encrypted with a passphrase, and nobody is there to type it`, {
      path: file,
      hint: 'run the command in a terminal, or give an identity file that is not encrypted.',
    });
  }
  stderr.write(`Passphrase of ${file}: `);
  const lines = readline.createInterface({ input: stdin, terminal: true });
  try {
    return await new Promise((resolve) => {
      lines.once('line', resolve);
    });
  } finally {
    lines.close();
    stderr.write('\n');
  }
}
