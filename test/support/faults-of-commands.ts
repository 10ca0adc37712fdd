import { exitCodes } from '../../src/errors.ts';
import { type CliResult } from './run-cli.ts';

const documented = new Set<number>([0, ...Object.values(exitCodes)]);

/** What is wrong with how a command ended; undefined when it ended as documented, and did nothing to the terminal. */
export function faultOf({ exitCode, stdout, stderr }: CliResult): string | undefined {
  if (exitCode === exitCodes.internal || !documented.has(exitCode)) return `exit code ${exitCode}: ${stderr}`;
  // oxlint-disable-next-line no-control-regex
  const raw = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/u.exec(stdout + stderr);
  return raw ? `prints ${JSON.stringify(raw[0])}: ${JSON.stringify(stdout + stderr).slice(0, 2000)}` : undefined;
}
