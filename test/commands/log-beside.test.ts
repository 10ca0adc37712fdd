/** Files of an environment that are read alone, while what was changed last is in the log beside them only. */

import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { corpusCase } from '../support/corpus.ts';
import { temporaryDirectory } from '../support/demo-environment.ts';
import { figaro } from '../support/run-cli.ts';

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
