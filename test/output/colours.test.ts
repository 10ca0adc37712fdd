import { describe, expect, test } from 'vitest';
import { hasColours } from '../../src/output/report.ts';
import { figaro, type CliSurroundings } from '../support/run-cli.ts';

const terminal = { isTTY: true };
const pipe = {};

describe('colours', () => {
  test.each([
    [terminal, {}, true],
    [terminal, { TERM: 'xterm-256color' }, true],
    [terminal, { TERM: 'dumb' }, false],
    [pipe, {}, false],
    [pipe, { TERM: 'xterm-256color' }, false],

    [terminal, { NO_COLOR: '1' }, false],
    [terminal, { NO_COLOR: '0' }, false],
    [terminal, { NO_COLOR: '' }, true],

    [pipe, { FORCE_COLOR: '1' }, true],
    [pipe, { FORCE_COLOR: '3' }, true],
    [pipe, { FORCE_COLOR: 'true' }, true],
    [pipe, { FORCE_COLOR: '' }, false],
    [terminal, { FORCE_COLOR: '0' }, false],
    [terminal, { FORCE_COLOR: 'false' }, false],
    [terminal, { FORCE_COLOR: '1', TERM: 'dumb' }, true],
    [terminal, { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
  ])('of %j with %j: %j', (stream, env, expected) => {
    expect(hasColours(stream, env, true)).toBe(expected);
    expect(hasColours(stream, env, false)).toBe(false);
  });

  const failing = ['recover', '--repo', '/no/repository', '--to', '/x'];
  const red = '\u001b[31merror [repository-missing]:\u001b[39m';

  async function messages(args: readonly string[], surroundings: CliSurroundings): Promise<string> {
    const { stdout, stderr } = await figaro([...failing, ...args], surroundings);
    expect(stdout).not.toContain('\u001b');
    return stderr;
  }

  test('are in errors on a terminal only, and not when nobody wants them', async () => {
    expect(await messages([], { terminal: 'stderr' })).toContain(red);
    expect(await messages([], { env: { FORCE_COLOR: '1' } })).toContain(red);
    expect(await messages([], {})).not.toContain('\u001b');
    expect(await messages(['--no-color'], { terminal: 'stderr' })).not.toContain('\u001b');
    expect(await messages(['--no-color'], { env: { FORCE_COLOR: '1' } })).not.toContain('\u001b');
    for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }, { FORCE_COLOR: '0' }]) {
      expect(await messages([], { terminal: 'stderr', env })).not.toContain('\u001b');
    }
  });

  test('are never in a JSON document, nor in help', async () => {
    const env = { FORCE_COLOR: '1' };
    expect(await messages(['--json'], { terminal: 'stdout', env })).toContain(red);
    expect((await figaro(['--help'], { terminal: 'stdout', env })).stdout).not.toContain('\u001b');
  });
});
