/** Getting an environment back out of an encrypted repository in Ceph's gateway, beside tools that get back files as they were. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { newKey } from '../support/age-keys.ts';
import { makeRoomForServers } from '../support/servers/live-servers.ts';
import { newBucket, rgw } from '../support/servers/s3-servers.ts';
import { benchDirectory, costOf, figaro, inAlternation, run, sizeOf, type Cost } from './measure.ts';
import { putAtRandom, recordsOf } from './packed.ts';
import { type Row, type Settings } from './rows.ts';

/** A tool that has put the same files there. */
interface Peer {
  readonly program: string;
  readonly name: string;
  readonly put: () => void;
  readonly get: (to: string) => Cost;
}

export async function* fromStore({ scale, pairs }: Settings): AsyncGenerator<Row> {
  if (!isInstalled(rgw.program)) {
    console.error(`not measured, for want of ${rgw.packages}: from-store`);
    return;
  }
  makeRoomForServers();
  const server = await rgw.environment();
  Object.assign(process.env, server);
  // With it rclone does not begin. Nothing is encrypted on the way here.
  delete process.env['AWS_CA_BUNDLE'];
  const directory = benchDirectory();
  const at = (name: string): string => path.join(directory, name);
  const home = at('home');
  const records = recordsOf(scale);
  putAtRandom(home, records, records);
  for (const name of fs.readdirSync(home)) if (name.startsWith('__db.')) fs.rmSync(path.join(home, name));
  const repository = ['--repo', `s3://${await newBucket(server)}/repository`, '--quiet'];
  const { secret, recipient } = await newKey();
  fs.writeFileSync(at('identity'), `${secret}\n`, { mode: 0o600 });
  figaro('init', ...repository, '--recipient', recipient.text, '--key-file', at('key'));
  figaro('hot', ...repository, '--home', home, '--key-file', at('key'));
  const target = at('target');
  const ours = (): Cost => figaro('recover', ...repository, '--identity', at('identity'), '--to', target);
  const prepare = (): void => fs.rmSync(target, { recursive: true, force: true });
  const url = server.AWS_ENDPOINT_URL;
  for (const { program, name, put, get } of peersOf(home, url, await newBucket(server), await newBucket(server))) {
    if (!isInstalled(program)) continue;
    put();
    const costs = inAlternation({ ours, peer: () => get(target), prepare }, pairs);
    yield {
      work: `\`recover\` from RGW, encrypted, beside \`${program}\``,
      size: sizeOf(home),
      ...costs,
      peerName: name,
    };
  }
  fs.rmSync(directory, { recursive: true });
}

function peersOf(home: string, url: string, ofRestic: string, ofRclone: string): readonly Peer[] {
  process.env['RESTIC_PASSWORD'] = 'bench';
  const restic = ['-q', '--no-cache', '-r', `s3:${url}/${ofRestic}`];
  const rclone = [`:s3,provider=Ceph,env_auth=true,endpoint='${url}':${ofRclone}`, '--config', '/dev/null'];
  return [
    {
      program: 'restic',
      name: '`restic restore`',
      put: () => {
        run('restic', [...restic, 'init']);
        run('restic', [...restic, 'backup', home]);
      },
      get: (to) => costOf('restic', [...restic, 'restore', 'latest', '--target', to]),
    },
    {
      program: 'rclone',
      name: '`rclone copy`, not encrypted',
      put: () => run('rclone', ['copy', home, ...rclone]),
      get: (to) => costOf('rclone', ['copy', ...rclone, to]),
    },
  ];
}

function isInstalled(program: string): boolean {
  return spawnSync('which', [program]).status === 0;
}
