import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { corpusCase } from '../support/corpus.ts';
import { figaro } from '../support/run-cli.ts';
import { newPlace } from '../support/place.ts';

test('where nobody can say whose the log is that lies nearby, both ways are told', async () => {
  const { directory, home, repository: repo } = newPlace();
  fs.cpSync(corpusCase('dbxml-clean').backup, home, { recursive: true });
  for (const name of fs.readdirSync(home)) if (name.startsWith('log.')) fs.unlinkSync(path.join(home, name));
  const other = path.join(directory, 'other');
  fs.mkdirSync(other);
  fs.writeFileSync(path.join(other, 'log.0000000001'), 'not to be read');
  for (const command of ['hot', 'offline']) {
    const { exitCode, stderr } = await figaro([command, '--home', home, '--repo', repo], { directory });
    expect(exitCode).toBe(3);
    expect(stderr).toContain('if it is the log of this environment, name it with `--log-dir <dir>/other`');
    expect(stderr).toMatch(/If it is not, bring the log files back\..*`figaro-backup offline --without-log`/);
  }
});

test('databases whose log is gone are refused, and taken and recovered as they are with --without-log', async () => {
  const { directory, home, repository: repo } = newPlace();
  fs.cpSync(corpusCase('dbxml-clean').backup, home, { recursive: true });
  for (const name of fs.readdirSync(home)) if (name.startsWith('log.')) fs.unlinkSync(path.join(home, name));
  const cli = (...args: readonly string[]): ReturnType<typeof figaro> => figaro(args, { directory });

  const hot = await cli('hot', '--home', home, '--repo', repo);
  expect([hot.exitCode, hot.stderr]).toEqual([3, expect.stringContaining('--without-log')]);
  const refused = await cli('offline', '--home', home, '--repo', repo);
  expect([refused.exitCode, refused.stderr]).toEqual([3, expect.stringContaining('--without-log')]);

  const taken = await cli('offline', '--without-log', '--home', home, '--repo', repo, '--json');
  expect(taken.exitCode).toBe(0);
  expect(taken.stdout).toContain('"withoutLog": true');
  expect(taken.stderr + taken.stdout).toContain('has no log, and its databases were taken as they are');
  const listed = await cli('list', '--repo', repo);
  expect(listed.stdout).toContain('without its log');
  const shown = await cli('show', '--repo', repo);
  expect(shown.stdout).toContain('gone: databases were taken as they are');
  expect((await cli('verify', '--repo', repo, '--rehearse')).exitCode).toBe(0);

  const to = path.join(directory, 'restored');
  const recovered = await cli('recover', '--repo', repo, '--to', to);
  expect([recovered.exitCode, recovered.stderr]).toEqual([0, expect.stringContaining('the log was gone')]);
  const container = fs.readFileSync(path.join(home, 'opera.dbxml'));
  expect(fs.readFileSync(path.join(to, 'opera.dbxml')).equals(container)).toBe(true);
});
