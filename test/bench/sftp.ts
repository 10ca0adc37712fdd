/** Sending sets to a server with SFTP and getting them back, beside OpenSSH's own `sftp` with the same files. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { nativeProgram } from '../support/native.ts';
import { makeRoomForServers } from '../support/servers/live-servers.ts';
import { sftpUrl, sharedSshd, sshdPackages, sshdProgram, sshEnvironment } from '../support/servers/sshd.ts';
import { benchDirectory, costOf, figaro, inAlternation, run, sizeOf, type Cost } from './measure.ts';
import { type Row, type Settings } from './rows.ts';

export async function* sftp({ scale, pairs }: Settings): AsyncGenerator<Row> {
  if (!fs.existsSync(sshdProgram) || spawnSync('which', ['sftp']).status !== 0) {
    console.error(`not measured, for want of ${sshdPackages}: sftp`);
    return;
  }
  makeRoomForServers();
  const { full: server } = await sharedSshd();
  const directory = benchDirectory();
  const at = (name: string): string => path.join(directory, name);
  Object.assign(process.env, sshEnvironment(server, directory));
  fs.mkdirSync(at('home'));
  run(nativeProgram('fill'), ['--home', at('home'), '--megabytes', Math.ceil(1024 * scale)]);
  figaro('hot', '--quiet', '--home', at('home'), '--repo', at('repository'));
  const [set] = fs.readdirSync(at('repository')).filter((name) => name.includes('-hot-'));
  const size = sizeOf(at(`repository/${set}/environment`));
  const remote = sftpUrl(server, at('remote'));
  const copy = (from: string, to: string): Cost => figaro('copy', '--quiet', '--repo', from, '--to', to);
  /** As one command of `sftp`. It has no other way to be told which `ssh` is to be used. */
  const sftpCommand = (command: string): Cost => {
    fs.writeFileSync(at('batch'), `${command}\n`);
    const ssh = path.join(process.env['PATH']!.split(':')[0]!, 'ssh');
    return costOf('sftp', ['-q', '-S', ssh, '-P', server.port, '-b', at('batch'), '127.0.0.1']);
  };
  const empty = (...names: string[]): void => {
    for (const name of names) fs.rmSync(at(name), { recursive: true, force: true });
  };
  const sent = inAlternation(
    {
      ours: () => copy(at('repository'), remote),
      peer: () => sftpCommand(`put -R ${at('repository')} ${at('put')}`),
      prepare: () => empty('remote', 'put'),
    },
    pairs,
  );
  yield { work: '`copy` to SFTP', size, ...sent, peerName: '`sftp put`' };
  empty('remote');
  copy(at('repository'), remote);
  const got = inAlternation(
    {
      ours: () => copy(remote, at('local')),
      peer: () => sftpCommand(`get -R ${at('remote')} ${at('got')}`),
      prepare: () => empty('local', 'got'),
    },
    pairs,
  );
  yield { work: '`copy` from SFTP', size, ...got, peerName: '`sftp get`' };
  fs.rmSync(directory, { recursive: true });
}
