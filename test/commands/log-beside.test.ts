/** Files of an environment that are read alone, while what was changed last is in the log beside them only. */

import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { corpusCase } from '../support/corpus.ts';
import { temporaryDirectory } from '../support/demo-environment.ts';
import { describeNative } from '../support/native.ts';
import { problemOf } from '../support/json-schema.ts';
import { figaro } from '../support/run-cli.ts';
import { Session } from '../support/session.ts';

const advice = 'its last changes may be in the log beside it only';

/** The environment of a case, with its container `b.dbxml` and its database `grow.db`. */
const xml = corpusCase('dbxml-hot').backup;
const grown = corpusCase('hash-62-crash').backup;

const adviceFor = (name: string, home: string): string =>
  `hint: ${advice}: to see it with these, name it ${name}, with --home ${home}.`;

/** Without the log that they belong to, in a directory of their own. */
function alone(file: string): string {
  const copy = path.join(temporaryDirectory(), path.basename(file));
  fs.copyFileSync(file, copy);
  return copy;
}

describe('a container that looks damaged beside its log', () => {
  test.each([
    { what: 'documents list', line: (file: string) => ['documents', 'list', file] },
    { what: 'documents get', line: (file: string) => ['documents', 'get', file, '*'] },
    {
      what: 'documents get --output',
      line: (file: string) => ['documents', 'get', file, '--output', path.join(temporaryDirectory(), 'out')],
    },
  ])('leads $what to --home, which has all of it', async ({ line }) => {
    const { exitCode, stderr } = await figaro(line(path.join(xml, 'b.dbxml')));
    expect(exitCode).toBe(4);
    expect(stderr).toContain(adviceFor('b.dbxml', xml));
    expect(stderr).not.toContain('the database is damaged');
    const whole = await figaro(['documents', 'list', 'b.dbxml', '--home', xml]);
    expect([whole.exitCode, whole.stderr]).toEqual([0, '']);
    // No log, no advice.
    expect((await figaro(line(alone(path.join(xml, 'b.dbxml'))))).stderr).not.toContain(advice);
  });

  test('leads dump to --home, from where db_dump would print damage', async () => {
    const file = path.join(grown, 'grow.db');
    const { exitCode, stderr } = await figaro(['dump', file]);
    expect(exitCode).toBe(4);
    expect(stderr).toContain(adviceFor('grow.db', grown));
    expect((await figaro(['dump', 'grow.db', '--home', grown])).exitCode).toBe(0);
    expect((await figaro(['dump', alone(file)])).stderr).toContain('hint: the database is damaged.');
  });

  test.each([
    ['dump', '--salvage'],
    ['inspect', 'container'],
  ])('is told so by %s %s', async (...words) => {
    const file = path.join(grown, 'grow.db');
    const { exitCode, stdout, stderr } = await figaro([...words, file, '--json']);
    expect(exitCode).toBe(4);
    expect(stdout + stderr).not.toContain('[internal]');
    const told = await figaro([...words, file, '--quiet']);
    expect(told.stderr).toContain(advice);
    expect((await figaro([...words, alone(file), '--quiet'])).stderr).not.toContain(advice);
  });
});

test('a document that is in the log only is looked for with --home', async () => {
  const { exitCode, stderr } = await figaro(['documents', 'get', path.join(xml, 'b.dbxml'), 'doc00009']);
  expect(exitCode).not.toBe(0);
  expect(stderr).toContain(adviceFor('b.dbxml', xml));
  const whole = await figaro(['documents', 'get', 'b.dbxml', 'doc00009', '--home', xml]);
  expect([whole.exitCode, whole.stderr]).toEqual([0, '']);
});

test('documents a line each end with a line for the warning that some are in the log only', async () => {
  const line = ['documents', 'list', path.join(xml, 'b.dbxml'), '--no-sizes', '--json'];
  const { exitCode, stdout, stderr } = await figaro(line);
  const documents = stdout
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as object);
  expect([exitCode, stderr, documents.map(problemOf)]).toEqual([0, '', documents.map(() => undefined)]);
  expect(documents.length).toBeGreaterThan(1);
  expect(documents.at(-1)).toEqual({
    schema: 1,
    command: 'documents list',
    warnings: [expect.stringContaining('lacks changes that are in the log beside it')],
  });
  expect(documents.slice(0, -1).filter((document) => !('id' in document))).toEqual([]);
  // Where nothing is to be said, there is no such line.
  const [last] = (await figaro(['documents', 'list', 'b.dbxml', '--home', xml, '--json'])).stdout.split('\n').slice(-2);
  expect(JSON.parse(last!)).toHaveProperty('id');
});

test('a container in a data directory is named as the environment knows it', async () => {
  const home = path.join(temporaryDirectory(), 'env');
  fs.mkdirSync(path.join(home, 'data'), { recursive: true });
  for (const name of fs.readdirSync(grown)) {
    fs.copyFileSync(path.join(grown, name), path.join(home, name.startsWith('log.') ? '' : 'data', name));
  }
  fs.writeFileSync(path.join(home, 'DB_CONFIG'), 'set_data_dir data\n');
  const { stderr } = await figaro(['dump', path.join(home, 'data/grow.db')]);
  expect(stderr).toContain(adviceFor('data/grow.db', home));
  expect((await figaro(['dump', 'data/grow.db', '--home', home])).exitCode).toBe(0);
});

for (const method of ['btree', 'hash'])
  describeNative(`a sound file beside its log, a ${method}`, () => {
    const begun = [`open a auto a.db - ${method} 1024`, 'put a auto 0 3 10 there', 'checkpoint'];

    /** An environment whose application has done this, and was killed. */
    async function homeAfter(...commands: readonly string[]): Promise<string> {
      const home = path.join(temporaryDirectory(), 'env');
      const application = new Session(home);
      application.do(...begun, ...commands, 'flush');
      await application.die();
      return home;
    }

    const lines = [['dump'], ['dump', '--salvage'], ['inspect', 'container']];

    test.each([
      { what: 'committed', commands: ['begin t', 'put a t 3 2 10 late', 'commit t'] },
      {
        what: 'committed as a part of another transaction',
        commands: ['begin t', 'nest n t', 'put a n 3 2 10 late', 'commit n', 'commit t'],
      },
      { what: 'committed once its id was given anew', commands: ['close a', begun[0]!, 'put a auto 3 2 10 late'] },
    ])('is told to lack what was $what since', async ({ commands }) => {
      const home = await homeAfter(...commands);
      const file = path.join(home, 'a.db');
      for (const line of lines) {
        const { exitCode, stderr } = await figaro([...line, file]);
        expect([line, exitCode]).toEqual([line, 0]);
        expect(stderr.replace(/\s+/g, ' ')).toContain(
          `${file} lacks changes that are in the log beside it: to see it with these, name it a.db, with --home ${home}`,
        );
        expect((await figaro([...line, file, '--quiet'])).stderr).toBe('');
        expect((await figaro([...line, alone(file)])).stderr).toBe('');
      }
      for (const line of [
        ['dump', '--list'],
        ['inspect', 'container'],
      ]) {
        const { stdout, stderr } = await figaro([...line, file, '--json']);
        expect([(JSON.parse(stdout) as { warnings?: unknown }).warnings, stderr]).toEqual([
          [expect.stringContaining('lacks changes that are in the log beside it')],
          '',
        ]);
      }
      const whole = await figaro(['dump', 'a.db', '--home', home, '--printable']);
      expect([whole.exitCode, whole.stderr]).toEqual([0, '']);
      expect(whole.stdout.match(/late/g)).toHaveLength(2);
    });

    test('is told to lack the first that was put into it, where it is new', async () => {
      const home = await homeAfter(`open b auto b.db - ${method} 1024`, 'put b auto 0 3 10 late');
      const { exitCode, stderr } = await figaro(['inspect', 'container', path.join(home, 'b.db')]);
      expect([exitCode, stderr.includes('b.db lacks changes that are in the log beside it')]).toEqual([0, true]);
    });

    test.each([
      { what: 'nothing was done since', commands: [] },
      { what: 'it was written since', commands: ['put a auto 3 2 10 late', 'sync'] },
      { what: 'its LSNs were reset since', commands: ['put a auto 3 2 10 late', 'sync', 'reset-lsn a.db'] },
      { what: 'another one was changed', commands: [`open b auto b.db - ${method} 1024`, 'put b auto 0 3 10 late'] },
      { what: 'what was done was taken back', commands: ['begin t', 'put a t 3 2 10 late', 'abort t'] },
      { what: 'what was done has not committed', commands: ['begin t', 'put a t 3 2 10 late'] },
      {
        what: 'a part of it was taken back',
        commands: ['begin t', 'nest n t', 'put a n 3 2 10 late', 'abort n', 'commit t'],
      },
    ])('is not where $what', async ({ commands }) => {
      const file = path.join(await homeAfter(...commands), 'a.db');
      for (const line of lines) {
        const { exitCode, stderr } = await figaro([...line, file]);
        expect([line, exitCode, stderr]).toEqual([line, 0, '']);
      }
    });
  });
