/** A round of a standby of a large environment in which little was committed, beside one of `db5.3_hotbackup -u`. */

import fs from 'node:fs';
import path from 'node:path';
import { nativeProgram } from '../support/native.ts';
import { work } from './application.ts';
import { benchDirectory, costOf, figaro, inAlternation, run, sizeOf, type Cost } from './measure.ts';
import { type Row, type Settings } from './rows.ts';

/** What changed so short a time ago is looked at again. */
const untilAtRestMs = 2500;

export function* standbys({ scale, pairs }: Settings): Generator<Row> {
  const directory = benchDirectory();
  const [home, standby, native] = ['environment', 'standby', 'native'].map((name) => path.join(directory, name));
  fs.mkdirSync(home!);
  fs.mkdirSync(native!);
  run(nativeProgram('fill'), ['--home', home!, '--megabytes', Math.ceil(1024 * scale)]);
  const ours = (): Cost => figaro('failover', 'follow', '--quiet', '--once', '--home', home!, '--standby', standby!);
  const peer = (): Cost =>
    costOf('db5.3_hotbackup', [...(fs.readdirSync(native!).length === 0 ? [] : ['-u']), '-h', home!, '-b', native!]);
  ours();
  peer();
  let puts = 0;
  const prepare = (): void => {
    work(home!, ['open new auto new.db - btree 4096', `put new auto ${puts} 200 100 text`]);
    puts += 200;
  };
  const common = { size: sizeOf(home!), peerName: '`db5.3_hotbackup -u`' };
  yield { work: '`failover follow --once`, 200 records', ...common, ...inAlternation({ ours, peer, prepare }, pairs) };
  ours();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, untilAtRestMs);
  ours();
  yield { work: '`failover follow --once`, nothing new', ...common, ...inAlternation({ ours, peer }, pairs) };
}
