/**
 * The connection to a server with SFTP: the program `ssh` of the machine, as sftp, scp, rsync, git and restic use it. So whatever `ssh host` does, this
 * does: keys, agents, certificates, hardware keys, known hosts (hashed, revoked, signed by an authority), `~/.ssh/config` with its jump hosts and
 * `ProxyCommand`, and what an administrator demands of all of that. None of it is decided here. SSH in JavaScript, of which we
 * would have to do all that ourselves, takes more CPU time for a GB, too.
 */

import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type SftpPlace } from './sftp-place.ts';
import { type Transport } from './sftp-session.ts';
import { failureToConnect, failureToRun, lossOf } from './ssh-failures.ts';

interface SshOptions {
  /** Variables of the environment for ssh: where it is (PATH), and where its agent is (SSH_AUTH_SOCK). */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** After how long without a sign of life the server is taken for unreachable. In ms. */
  readonly stallMs: number;
}

/** How often in a stall the server is asked whether it is there. ssh counts in seconds. */
const asksInAStall = 3;
/** What is kept of what ssh says, in characters: the end of it. */
const longestSpeech = 8000;
/** How long ssh may take to end, and what it started to let go of our pipes. */
const graceMs = 1000;

/** Starts ssh. That it cannot be started or ends is told by `ended`. */
export async function connectBySsh(place: SftpPlace, { env: given, stallMs }: SshOptions): Promise<Transport> {
  const env = { ...given, SSH_ASKPASS_REQUIRE: 'never' };
  const options = optionsOf(stallMs);
  const ciphers = await fastCiphers([...options, ...destination(place)], env);
  const child = spawn('ssh', [...options, ...ciphers, ...destination(place)], {
    env,
    stdio: 'pipe',
    // A group of its own: a Ctrl-C that is meant for us does not reach it, and what is begun can be ended properly.
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  const { stdin, stdout, stderr } = child;
  let said = '';
  stderr.setEncoding('utf8');
  stderr.on('data', (text: string) => {
    said = (said + text).slice(-longestSpeech);
  });
  stderr.on('error', () => {});
  let hasAnswered = false;
  stdout.once('data', () => {
    hasAnswered = true;
  });
  const ended = endOf(child).then((cause) => {
    if (cause) return failureToRun(place, cause);
    return hasAnswered ? lossOf(place, said) : failureToConnect(place, said);
  });
  // It has closed our pipe, and has no reason to go on.
  stdout.once('end', () => void sleep(graceMs, undefined, { ref: false }).then(() => child.kill('SIGKILL')));
  return {
    input: stdout,
    output: stdin,
    ended,
    end: async () => {
      stdin.end();
      await Promise.race([ended, sleep(graceMs, undefined, { ref: false })]);
    },
    kill: () => stop(child),
  };
}

function optionsOf(stallMs: number): string[] {
  const intervalSeconds = Math.max(1, Math.round(stallMs / asksInAStall / 1000));
  const options = [
    // Nobody is there to be asked.
    'BatchMode=yes',
    // What it says is read: a configuration must not silence it.
    'LogLevel=INFO',
    `ServerAliveInterval=${intervalSeconds}`,
    `ServerAliveCountMax=${Math.max(1, Math.round(stallMs / 1000 / intervalSeconds))}`,
    // As sftp has them: what a configuration asks for when somebody works on the host has no place here.
    'ForwardAgent=no',
    'ForwardX11=no',
    'ClearAllForwardings=yes',
    'PermitLocalCommand=no',
    'RemoteCommand=none',
    'RequestTTY=no',
    // A connection that is shared is used, and none is left to others, which would outlive us.
    'ControlMaster=no',
  ];
  return options.flatMap((option) => ['-o', option]);
}

function destination({ host, user, port }: SftpPlace): string[] {
  const login = user === undefined ? [] : ['-l', user];
  return [...login, ...(port === undefined ? [] : ['-p', port]), '-s', '--', host, 'sftp'];
}

/**
 * The ciphers that ssh would use, with those first that processors have instructions for: they take half the time of the one that
 * OpenSSH prefers for the sake of others.
 */
async function fastCiphers(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string[]> {
  if (process.arch !== 'x64') return [];
  try {
    const { stdout } = await promisify(execFile)('ssh', ['-G', ...args], { env, windowsHide: true, timeout: graceMs });
    const ciphers = /^ciphers (\S+)/m.exec(stdout)?.[1]?.split(',') ?? [];
    const [fast, others] = [true, false].map((is) => ciphers.filter((cipher) => cipher.includes('-gcm@') === is));
    return fast!.length === 0 ? [] : ['-o', `Ciphers=${[...fast!, ...others!].join(',')}`];
  } catch {
    // It says why when it connects.
    return [];
  }
}

/** Resolves when a process is over and has said all; with the error when it could not be started. */
async function endOf(child: ChildProcess): Promise<Error | undefined> {
  const closed = once(child, 'close').catch(() => {});
  try {
    await once(child, 'exit');
  } catch (error) {
    return error as Error;
  }
  // Something that it started may hold its end of a pipe open for longer.
  await Promise.race([closed, sleep(graceMs, undefined, { ref: false })]);
  return undefined;
}

/** Ends a process, and keeps nobody waiting for it. */
function stop(child: ChildProcess): void {
  child.stdin?.destroy();
  child.stdout?.destroy();
  child.stderr?.destroy();
  child.kill('SIGTERM');
  child.unref();
}
