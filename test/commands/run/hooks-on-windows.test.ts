/** Hooks as Windows runs them, in `cmd`, with the lines of docs/windows.md. */

import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { layDemoEnvironment } from '../../support/demo-environment.ts';
import { newPlace } from '../../support/place.ts';
import { figaro, type CliResult } from '../../support/run-cli.ts';
import { namesIn } from '../../support/trees.ts';
import { inQuotes, isWindows, lacks } from '../../support/windows.ts';

describe.runIf(isWindows)('hooks on Windows', () => {
  let directory: string;
  let home: string;
  let repo: string;
  let log: string;
  let env: NodeJS.ProcessEnv;

  beforeEach(() => {
    ({ directory, home, repository: repo } = newPlace());
    log = path.join(directory, 'with space.log');
    env = { ...process.env, LOG: log };
    layDemoEnvironment(home);
  });

  const run = async (...args: readonly string[]): Promise<CliResult> =>
    await figaro(args, { directory, env: env as Record<string, string> });
  const hot = async (...hooks: readonly string[]): Promise<CliResult> =>
    await run('hot', '--home', home, '--repo', repo, '--quiet', ...hooks);
  const note = (text: string): string => `echo ${text}>> "%LOG%"`;
  const logged = (): string[] =>
    fs
      .readFileSync(log, 'utf8')
      .trimEnd()
      .split(/\s*\r?\n/);

  test('run before and after a run, and are told what happened in variables', async () => {
    const told = note('%FIGARO_BACKUP_HOOK% of %FIGARO_BACKUP_COMMAND%: %FIGARO_BACKUP_RESULT%');
    expect(await hot('--run-before', note('first'), '--run-after', `${told} & ${note('%FIGARO_BACKUP_SET%')}`)).toEqual(
      {
        exitCode: 0,
        stdout: '',
        stderr: '',
      },
    );
    const [set] = namesIn(repo);
    expect(logged()).toEqual(['first', 'run-after of hot: success', set]);
  });

  test('of the configuration file, between single quotes, start programs whose paths have spaces', async () => {
    const program = path.join(directory, 'Program Files', 'tell me.js');
    fs.mkdirSync(path.dirname(program));
    fs.writeFileSync(
      program,
      "require('node:fs').appendFileSync(process.env.LOG, JSON.stringify(process.argv.slice(2)) + '\\n');",
    );
    const config = path.join(directory, 'figaro-backup.toml');
    const line = `"${process.execPath}" "${program}" "%FIGARO_BACKUP_ERROR_CODE%" & ${note('told')}`;
    fs.writeFileSync(config, `[environments.orders]\nhome = '${home}none'\nrepo = '${repo}'\nrun-failed = '${line}'\n`);
    expect(await run('hot', 'orders', '--config', config)).toMatchObject({ exitCode: 3 });
    expect(logged()).toEqual(['["environment-missing"]', 'told']);
  });

  test('that fail before a run keep it from beginning', async () => {
    const { exitCode, stderr } = await hot('--run-before', 'exit 7');
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('ended with exit status 7');
    expect(namesIn(repo).filter((name) => /-hot-/.test(name))).toEqual([]);
  });

  test.skipIf(lacks.endOfTrees)('that take too long are ended with all that they started', async () => {
    const mark = path.join(directory, 'alive');
    const script = `const go = () => require('node:fs').writeFileSync('${inQuotes(mark)}', String(Date.now())); setInterval(go, 50); go();`;
    fs.writeFileSync(path.join(directory, 'forever.js'), script);
    const before = `"${process.execPath}" "${path.join(directory, 'forever.js')}"`;
    const { exitCode, stderr } = await hot('--run-before', before, '--hook-timeout', '10s');
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('took longer than 10s and was stopped');
    const last = fs.readFileSync(mark, 'utf8');
    await setTimeout(1000);
    expect(fs.readFileSync(mark, 'utf8')).toBe(last);
  });
});
