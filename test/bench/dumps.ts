/** The dump of a container of binary data, beside the tool's. */

import fs from 'node:fs';
import path from 'node:path';
import { nativeProgram } from '../support/native.ts';
import { benchDirectory, costOf, figaro, inAlternation, run, type Cost } from './measure.ts';
import { type Row, type Settings } from './rows.ts';

export function* dumps({ scale, pairs }: Settings): Generator<Row> {
  const home = benchDirectory();
  const keys = ['--puts', 10, '--bytes', 500, '--keys', 1e8];
  run(nativeProgram('puts'), [
    '--home',
    home,
    '--transactions',
    Math.ceil(1e5 * scale),
    ...keys,
    '--binary',
    '--close',
  ]);
  const container = path.join(home, 'puts.db');
  const size = `${(fs.statSync(container).size / 1e6).toFixed(0)} MB`;
  for (const options of [[], ['-p']]) {
    const ours = (): Cost => figaro('dump', ...options.map(() => '--printable'), container);
    const peer = (): Cost => costOf('db5.3_dump', [...options, container]);
    const [work, peerName] =
      options.length === 0 ? ['`dump`', '`db5.3_dump`'] : ['`dump --printable`', '`db5.3_dump -p`'];
    yield { work: `${work} of binary data`, size, ...inAlternation({ ours, peer }, pairs), peerName: peerName! };
  }
}
