import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { writeBytes } from '../../support/memory-store.ts';
import { startSshd } from '../../support/servers/sshd.ts';
import { describeSftp, textOf } from '../../support/sftp-stores.ts';
import { expectFailure } from '../../support/trees.ts';

describeSftp('what ssh trusts', (at) => {
  const known = (name: string, ...lines: string[]): string => {
    const file = path.join(at.above, name);
    fs.writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
    return `UserKnownHostsFile ${file}`;
  };
  const keyOf = (file: string): string => fs.readFileSync(file, 'utf8').split(' ').slice(0, 2).join(' ');

  test('a host whose key is not known is refused, with what to do', async () => {
    const store = at.open(at.full, { lines: [known('none')] });
    const error = await expectFailure('not-permitted', () => writeBytes(store, 'a', 'a'));
    expect(error.message).toContain('the key of the host is not known here');
    expect(error.details.hint).toContain(`ssh -p ${at.full.port} `);
    expect(error.details.hint).toContain('ssh-keyscan');
  });

  test('a host whose key has changed is refused loudly', async () => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(at.above, 'other')]);
    const store = at.open(at.full, {
      lines: [known('changed', `server-of-tests ${keyOf(path.join(at.above, 'other.pub'))}`)],
    });
    const error = await expectFailure('not-permitted', () => store.list(''));
    expect(error.message).toContain('THE KEY OF THE HOST HAS CHANGED');
  });

  test('a changed key that a configuration allows is not taken for why the connection is lost later', async () => {
    const own = await startSshd();
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(at.above, 'other')]);
    const changed = known('changed', `server-of-tests ${keyOf(path.join(at.above, 'other.pub'))}`);
    const store = at.open(own, { lines: [changed, 'StrictHostKeyChecking no'] });
    await writeBytes(store, 'a', 'a');
    own.kill();
    await expectFailure('store-unreachable', () => store.list(''));
  });

  test('a host whose key is revoked is refused', async () => {
    const store = at.open(at.full, {
      lines: [known('revoked', `@revoked * ${keyOf(path.join(at.full.directory, 'host.pub'))}`)],
    });
    expect((await expectFailure('not-permitted', () => store.list(''))).message).toContain('is revoked');
  });

  test('hosts are known by what ssh-keyscan prints, hashed by ssh-keygen', async () => {
    const lines = execFileSync('ssh-keyscan', ['-p', `${at.full.port}`, '127.0.0.1'], {
      stdio: 'pipe',
      encoding: 'utf8',
    });
    const configured = known('scanned', lines);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', path.join(at.above, 'scanned')], { stdio: 'pipe' });
    expect(fs.readFileSync(path.join(at.above, 'scanned'), 'utf8')).toMatch(/^\|1\|/);
    const store = at.open(at.full, { lines: [configured, `HostKeyAlias [127.0.0.1]:${at.full.port}`] });
    expect(await store.list('')).toEqual([]);
  });
});

describeSftp('how ssh gets in', (at) => {
  test('a key with a passphrase is used while an agent holds it, and otherwise the hint says so', async () => {
    const own = await startSshd();
    const key = path.join(own.directory, 'locked');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'passphrase', '-f', key]);
    fs.copyFileSync(`${key}.pub`, path.join(own.directory, 'user.pub'));
    const socket = path.join(own.directory, 'agent');
    const lines = [`IdentityFile ${key}`, `IdentityAgent ${socket}`];
    const error = await expectFailure('not-permitted', () => at.open(own, { lines }).list(''));
    expect(error.details.hint).toContain('SSH_AUTH_SOCK');

    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    onTestFinished(() => void agent.kill());
    while (!fs.existsSync(socket)) await sleep(10);
    const askpass = path.join(own.directory, 'askpass');
    fs.writeFileSync(askpass, '#!/bin/sh\necho passphrase\n', { mode: 0o700 });
    const env = { ...process.env, SSH_AUTH_SOCK: socket, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' };
    execFileSync('ssh-add', ['-q', key], { env, stdio: 'pipe' });
    expect(await at.open(own, { lines }).list('')).toEqual([]);
  });

  test('a name of ~/.ssh/config stands for host, port, user and jump host', async () => {
    const { username } = os.userInfo();
    const lines = [
      'Host backups',
      'HostName 127.0.0.1',
      `Port ${at.full.port}`,
      `User ${username}`,
      'ProxyJump jump',
      'Host jump',
      'HostName 127.0.0.1',
      `Port ${at.plain.port}`,
      `User ${username}`,
    ];
    const store = at.open(at.full, { url: `sftp://backups${at.root}`, lines });
    await writeBytes(store, 'a', 'through another host');
    expect(fs.readFileSync(path.join(at.root, 'a'), 'utf8')).toBe('through another host');
    expect(fs.readFileSync(path.join(at.plain.directory, `log/${at.plain.port}.log`), 'utf8')).toContain('Accepted');
  });

  test('what is connected to by a ProxyCommand needs no host that the network knows', async () => {
    const script = `const s=require('net').connect(${at.full.port},'127.0.0.1');process.stdin.pipe(s).pipe(process.stdout)`;
    const lines = ['Host far', `User ${os.userInfo().username}`, `ProxyCommand ${process.execPath} -e "${script}"`];
    const store = at.open(at.full, { url: `sftp://far${at.root}`, lines });
    await writeBytes(store, 'a', 'by a command');
    expect(await textOf(store, 'a')).toBe('by a command');
  });

  test('a command of the configuration that fails is shown', async () => {
    const store = at.open(at.full, { lines: ['ProxyCommand /nonexistent/command'] });
    expect((await expectFailure('store-unreachable', () => store.list(''))).message).toContain('/nonexistent/command');
  });

  test('what a configuration asks for when somebody works on the host is left out', async () => {
    const lines = [
      'RemoteCommand echo hello',
      'RequestTTY force',
      'ControlMaster auto',
      `ControlPath ${at.above}/control`,
      'LogLevel QUIET',
    ];
    expect(await at.open(at.full, { lines }).list('')).toEqual([]);
    const error = await expectFailure('not-permitted', () =>
      at.open(at.full, { lines: [...lines, 'PubkeyAuthentication no'] }).list(''),
    );
    expect(error.message).toContain('accepts none of our keys (ssh: ');
    expect(fs.existsSync(path.join(at.above, 'control'))).toBe(false);
  });

  test.each([
    ['Bogus yes', 'usage', 'ssh does not accept its configuration'],
    ['Ciphers 3des-cbc', 'not-permitted', 'no algorithm in common'],
  ] as const)('a configuration with %j is refused by name', async (line, code, message) => {
    expect((await expectFailure(code, () => at.open(at.full, { lines: [line] }).list(''))).message).toContain(message);
  });

  test('a machine without ssh is told what to install', async () => {
    const error = await expectFailure('usage', () => at.open(at.full, { env: { PATH: at.above } }).list(''));
    expect(error.message).toContain('ssh is not installed');
    expect(error.details.hint).toContain('openssh-client');
  });

  test.each([
    ['echo Welcome to this host; exec /usr/lib/openssh/sftp-server', 'io', 'no SFTP server: "Welcome to this host"'],
    ['exit 1', 'store-unreachable', 'no connection'],
  ] as const)('a server whose SFTP is %j is told by name', async (subsystem, code, message) => {
    const own = await startSshd(at.script(subsystem));
    const error = await expectFailure(code, () => at.open(own).list(''));
    expect(error.message).toContain(message);
  });
});
