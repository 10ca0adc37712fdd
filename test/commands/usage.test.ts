import { describe, expect, test } from 'vitest';
import { run } from '../../src/cli.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { CollectingStream, figaro } from '../support/run-cli.ts';

const isUsageError = (text: string): boolean => /^error \[usage\]: [^\n]+\n(hint: [^\n]+\n)?$/.test(text);

describe('the command line', () => {
  test('without a command is a usage error', async () => {
    expect(await figaro([])).toMatchInlineSnapshot(`
      {
        "exitCode": 2,
        "stderr": "error [usage]: no command was given
      hint: see \`figaro-backup --help\`, or \`figaro-backup <command> --help\`.
      ",
        "stdout": "",
      }
    `);
  });

  test('names an unknown command and the one that was meant', async () => {
    expect((await figaro(['recove'])).stderr).toMatchInlineSnapshot(`
      "error [usage]: unknown command 'recove'
      hint: did you mean recover?
      "
    `);
  });

  test('names an unknown option and the one that was meant', async () => {
    expect((await figaro(['recover', '--to', 'x', '--to-tim', 'y'])).stderr).toMatchInlineSnapshot(`
      "error [usage]: unknown option '--to-tim'
      hint: did you mean --to-time?
      "
    `);
  });

  test.each([
    ['recover'],
    ['recover', '--to', 'x'],
    ['recover', '--to', 'x', 'surplus'],
    ['recover', '--to', 'x', '--from', 'a', '--repo', 'b'],
    ['recover', '--to', 'x', '--from', 'a', '--chain', 'b'],
    ['recover', '--to', 'x', '--from', 'a', '--to-set', 'b'],
    ['recover', '--to', 'x', '--repo', 'b', '--engine', 'steam'],
    ['recover', '--to', 'x', '--repo', 'b', '--cache-size', 'much'],
    ['recover', '--to', 'x', '--repo', 'b', '--to-lsn', '12'],
    ['recover', '--to', 'x', '--repo', 'b', '--to-lsn', '[1][2'],
    ['recover', '--to', 'x', '--repo', 'b', '--to-time', 'yesterday'],
    ['recover', '--to', 'x', '--repo', 'b', '--to-time', '2026-02-30'],
    ['recover', '--to', 'x', '--repo', 'b', '--to-time', '2026-02-20T25:00Z'],
    ['recover', '--to', 'x', '--repo', 'b', '--to-time', '2026-02-20T10:00Z', '--to-lsn', '1/2'],
    ['hot'],
    ['hot', '--home', 'x'],
    ['incremental', '--repo', 'x'],
  ])('%j %j %j %j %j %j is refused with exit status 2', async (...args) => {
    const { exitCode, stdout, stderr } = await figaro(args);
    expect({ exitCode, stdout, form: isUsageError(stderr) }).toEqual({ exitCode: 2, stdout: '', form: true });
  });

  test('takes the repository from the environment variable', async () => {
    const { stderr } = await figaro(['recover', '--to', '/x'], { env: { FIGARO_BACKUP_REPO: '/no/repository' } });
    expect(stderr).toContain('error [repository-missing]: /no/repository');
  });
});

test('the version is printed', async () => {
  expect(await figaro(['--version'])).toEqual({ exitCode: 0, stdout: '0.2.0\n', stderr: '' });
});

describe('errors', () => {
  const missing = ['recover', '--repo', '/no/repository', '--to', '/x'];

  test('are one JSON document on stdout with --json, and a message on stderr all the same', async () => {
    const { exitCode, stdout, stderr } = await figaro([...missing, '--json']);
    expect(exitCode).toBe(5);
    expect(JSON.parse(stdout)).toEqual({
      schema: 1,
      command: 'recover',
      error: {
        code: 'repository-missing',
        message: '/no/repository: there is no repository here',
        hint: expect.any(String) as string,
        path: '/no/repository',
        exitCode: 5,
      },
    });
    expect(stderr).toMatch(/^error \[repository-missing\]: .*\nhint: .*\n$/);
  });

  test('of usage are a JSON document, too', async () => {
    const { stdout } = await figaro(['recover', '--json', '--bogus']);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'usage', exitCode: 2 } });
  });

  test('that are bugs have a stack trace, ask for a report and end with 1', async () => {
    const mistaken = (): never => {
      throw new TypeError('a mistake of the programmer');
    };
    const files: Files = { ...nodeFiles, openIfThere: mistaken, statThrough: mistaken };
    const { exitCode, stdout, stderr } = await figaro([...missing, '--json'], { files });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^error \[internal\]: TypeError: a mistake of the programmer\n {4}at /);
    expect(stderr).toMatch(
      /\nhint: this is a bug in figaro-backup 0\.2\.0\. Please report it with the lines above\.\n$/,
    );
    expect(JSON.parse(stdout)).toEqual({
      schema: 1,
      command: 'recover',
      error: { code: 'internal', message: 'a mistake of the programmer', exitCode: 1 },
    });
  });
});

describe('standard output', () => {
  const runWith = async (failure: NodeJS.ErrnoException): Promise<{ exitCode: number; stderr: string }> => {
    const stderr = new CollectingStream();
    const exitCode = await run(['--version'], { stdout: new CollectingStream(false, failure), stderr, env: {} });
    return { exitCode, stderr: stderr.text };
  };

  test('whose reader went away is no error', async () => {
    const failure = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
    expect(await runWith(failure)).toEqual({ exitCode: 0, stderr: '' });
  });

  test('that takes nothing any more is one, for help and the version, too', async () => {
    const failure = Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC' });
    const { exitCode, stderr } = await runWith(failure);
    expect(exitCode).toBe(6);
    expect(stderr).toMatch(/^error \[no-space\]: standard output: cannot write: write ENOSPC\n$/);
  });
});
