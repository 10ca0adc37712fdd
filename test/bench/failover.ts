/**
 * `npm run bench`: a round of a standby when little was committed, beside one of `db5.3_hotbackup -u`, in the same run.
 * Needs Berkeley DB 5.3. BENCH_MEGABYTES sets the size of the environment (default 1024 and some).
 */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { nativeProgram } from '../support/native.ts';
import { benchDirectory, run } from './measure.ts';
import { costOf, inAlternation, printRows, type Cost } from './rows.ts';

const directory = benchDirectory();
const program = path.join(import.meta.dirname, '../../bin/figaro-backup.js');
const home = path.join(directory, 'environment');
const standby = path.join(directory, 'standby');
const native = path.join(directory, 'native');

fs.mkdirSync(home);
fs.mkdirSync(native);
run(nativeProgram('fill'), ['--home', home, '--megabytes', process.env.BENCH_MEGABYTES ?? '1024']);
const bytes = fs.readdirSync(home).reduce((sum, name) => sum + fs.statSync(path.join(home, name)).size, 0);
const megabytes = (bytes / 1e6).toFixed(0);

const following = [program, 'failover', 'follow', '--home', home, '--standby', standby, '--once', '--quiet'];
const follow = (): Cost => costOf(process.execPath, following);
const hotbackup = (): Cost =>
  costOf('db5.3_hotbackup', [...(fs.readdirSync(native).length === 0 ? [] : ['-u']), '-h', home, '-b', native]);
follow();
hotbackup();
let puts = 0;
const commit = (): void => {
  const commands = `open new auto new.db - btree 4096\nput new auto ${puts} 200 100 text\nleave\n`;
  puts += 200;
  const { stdout } = spawnSync(nativeProgram('session'), ['--home', home], { input: commands, encoding: 'utf8' });
  if (stdout !== 'ok\nok\nok\n') throw new Error(stdout);
};
const size = `${megabytes} MB`;
const round = inAlternation(follow, hotbackup, commit);
const idle = inAlternation(follow, hotbackup, () => {});
printRows('Standbys, beside `db5.3_hotbackup -u`', [
  { what: '`failover follow --once`, 200 records', size, ...round },
  { what: '`failover follow --once`, nothing new', size, ...idle },
]);
