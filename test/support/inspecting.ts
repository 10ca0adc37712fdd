import { expect } from 'vitest';
import { figaro, type CliResult } from './run-cli.ts';

interface Inspecting {
  readonly inspect: (...args: readonly string[]) => Promise<CliResult>;
  /** The document of a look at something sound. */
  readonly json: (...args: readonly string[]) => Promise<Record<string, unknown>>;
  /** Exit status and first line of the message. */
  readonly refusal: (...args: readonly string[]) => Promise<string>;
}

/** The commands `inspect`, with the name of the test's directory left out of what they print. */
export function inspecting(directory: () => string): Inspecting {
  const inspect = (...args: readonly string[]): Promise<CliResult> =>
    figaro(['inspect', ...args], { directory: directory() });
  return {
    inspect,
    async json(...args) {
      const { exitCode, stdout, stderr } = await inspect(...args, '--json');
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      return JSON.parse(stdout) as Record<string, unknown>;
    },
    async refusal(...args) {
      const { exitCode, stdout, stderr } = await inspect(...args);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^error \[[a-z-]+\]: [^\n]+\n(hint: [^\n]+\n)?$/);
      return `${exitCode} ${stderr.split('\n')[0]}`;
    },
  };
}
