/** Servers of OpenSSH on a loopback port, and an ssh that knows them. */

import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { freePorts, liveServer, serverDirectory } from './live-servers.ts';

/** What to install on Debian, and a program of it. */
export const sshdPackages = 'openssh-server openssh-client';
export const sshdProgram = '/usr/sbin/sshd';

export interface Sshd {
  readonly port: number;
  /** Its keys are in there, and what ssh knows of it. */
  readonly directory: string;
}

/** The servers that all tests share: SFTP as OpenSSH has it, and with nothing beyond the protocol. */
export async function sharedSshd(): Promise<{ readonly full: Sshd; readonly plain: Sshd }> {
  await liveServer('sshd.sh', 2);
  const directory = serverDirectory('sshd.sh');
  const [full, plain] = fs.readFileSync(path.join(directory, 'ports'), 'utf8').split(' ').map(Number);
  return { full: { directory, port: full! }, plain: { directory, port: plain! } };
}

export interface OwnSshd extends Sshd {
  /** Ends the server and all that it serves at once, as when its machine fails. */
  kill(): void;
}

/**
 * A server for one test, which goes with it.
 *
 * @param subsystem what serves SFTP
 */
export async function startSshd(subsystem?: string): Promise<OwnSshd> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'sshd-'));
  const [port] = await freePorts(1);
  await promisify(execFile)(path.join(import.meta.dirname, 'sshd.sh'), [directory, `${port}`], {
    env: { ...process.env, ...(subsystem === undefined ? {} : { SUBSYSTEM: subsystem }) },
  });
  const pid = Number(fs.readFileSync(path.join(directory, `run/${port}.pid`), 'utf8'));
  let isOver = false;
  const kill = (): void => {
    if (isOver) return;
    isOver = true;
    // It has a process for each connection, which would go on without it.
    for (const each of [pid, ...descendants(pid)]) {
      try {
        process.kill(each, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
  };
  onTestFinished(() => {
    kill();
    fs.rmSync(directory, { recursive: true });
  });
  return { port: port!, directory, kill };
}

function descendants(pid: number): number[] {
  const children = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child!);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

/** The URL of a directory on a server, through another port where one is given. */
export function sftpUrl({ port }: Sshd, directory: string, through = port): string {
  return `sftp://${os.userInfo().username}@127.0.0.1:${through}${directory}`;
}

/**
 * Variables with which `ssh` is one that knows a server, and has a key that it accepts.
 *
 * @param place where that is put
 * @param lines of its configuration, which come first and so hold
 */
export function sshEnvironment({ directory }: Sshd, place: string, ...lines: string[]): Record<string, string> {
  const programs = fs.mkdtempSync(path.join(place, 'ssh-'));
  const configuration = [
    ...lines,
    'Host *',
    `IdentityFile ${directory}/user`,
    'IdentitiesOnly yes',
    'IdentityAgent none',
    `UserKnownHostsFile ${directory}/known`,
    'GlobalKnownHostsFile /dev/null',
    'HostKeyAlias server-of-tests',
  ];
  const ssh = execFileSync('which', ['ssh'], { encoding: 'utf8' }).trim();
  fs.writeFileSync(path.join(programs, 'config'), `${configuration.join('\n')}\n`);
  fs.writeFileSync(path.join(programs, 'ssh'), `#!/bin/sh\nexec ${ssh} -F ${programs}/config "$@"\n`, { mode: 0o755 });
  return { PATH: `${programs}:${process.env['PATH']}` };
}
