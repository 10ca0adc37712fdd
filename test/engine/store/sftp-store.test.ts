import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type FigaroError } from '../../../src/errors.ts';
import { openStore } from '../../../src/engine/store/open-store.ts';
import { openSftpStore } from '../../../src/engine/store/sftp-store.ts';
import { type Store } from '../../../src/engine/store/store.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { effort } from '../../support/effort.ts';
import { writeBytes } from '../../support/memory-store.ts';
import { startFaultyNetwork, type FaultyNetwork } from '../../support/servers/faulty-network.ts';
import { serverStartMs } from '../../support/servers/live-servers.ts';
import {
  sftpUrl,
  sharedSshd,
  sshdPackages,
  sshdProgram,
  sshEnvironment,
  startSshd,
  type Sshd,
} from '../../support/servers/sshd.ts';
import { randomNumbers } from '../../support/random-numbers.ts';
import { describeWith } from '../../support/tools.ts';
import { expectFailure, namesIn } from '../../support/trees.ts';

describeWith(sshdProgram, sshdPackages, 'a store in SFTP', () => {
  let full: Sshd;
  let plain: Sshd;
  /** The directory above the store. */
  let above: string;
  let root: string;
  let stores: Store[];

  beforeAll(async () => {
    ({ full, plain } = await sharedSshd());
  }, serverStartMs);
  beforeEach(() => {
    above = temporaryDirectory();
    root = path.join(above, 'store');
    stores = [];
  });
  afterEach(async () => {
    for (const store of stores) await store.close();
  });

  interface Way {
    readonly url?: string;
    /** Lines for the configuration of ssh. */
    readonly lines?: readonly string[];
    readonly env?: Record<string, string>;
    readonly stallMs?: number;
  }

  const open = (server: Sshd, { url = sftpUrl(server, root), lines = [], env, stallMs = 20_000 }: Way = {}): Store => {
    const store = openSftpStore(url, { env: { ...sshEnvironment(server, above, ...lines), ...env }, stallMs });
    stores.push(store);
    return store;
  };
  /** A program that serves SFTP, or does not. */
  const script = (line: string): string => {
    const file = path.join(above, 'server');
    fs.writeFileSync(file, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
    return file;
  };
  const text = async (store: Store, name: string): Promise<string> => Buffer.from((await store.read(name))!).toString();

  test('objects are files below the directory of the URL, which are nothing but what was written', async () => {
    const store = open(full);
    await writeBytes(store, 'sets/1/a.dbxml', 'contents');
    expect(await store.create('repository.json', Buffer.from('{}'))).toBe(true);
    expect(fs.readFileSync(path.join(root, 'sets/1/a.dbxml'), 'utf8')).toBe('contents');
    expect(namesIn(root)).toEqual(['repository.json', 'sets']);
    expect(namesIn(path.join(root, 'sets/1'))).toEqual(['a.dbxml']);
    expect(fs.statSync(path.join(root, 'repository.json')).nlink).toBe(1);
  });

  test('a path that begins with /~/ is in the home directory, and one with // is absolute as well', async () => {
    const own = await startSshd(`internal-sftp -d ${above}`);
    await writeBytes(open(own, { url: sftpUrl(own, '/~/home') }), 'a', 'home');
    expect(fs.readFileSync(path.join(above, 'home/a'), 'utf8')).toBe('home');
    await writeBytes(open(own, { url: sftpUrl(own, `/${root}`) }), 'a', 'root');
    expect(fs.readFileSync(path.join(root, 'a'), 'utf8')).toBe('root');
  });

  test('directories that are empty after a removal go as well, and others stay', async () => {
    const store = open(full);
    for (const name of ['sets/1/a', 'sets/1/b/c', 'sets/2/a']) await writeBytes(store, name, name);
    await store.remove(['sets/1/a', 'sets/1/b/c']);
    expect(namesIn(path.join(root, 'sets'))).toEqual(['2']);
    await store.remove(['sets/2/a']);
    expect(namesIn(root)).toEqual([]);
    expect(fs.existsSync(root)).toBe(true);
  });

  test('links, pipes and names that are not text are not listed, not followed, and not waited for', async () => {
    const store = open(full);
    await writeBytes(store, 'a/b', 'b');
    const secret = path.join(above, 'secret');
    fs.mkdirSync(secret);
    fs.writeFileSync(path.join(secret, 'key'), 'secret');
    fs.symlinkSync(secret, path.join(root, 'a/directory'));
    fs.symlinkSync(path.join(secret, 'key'), path.join(root, 'a/link'));
    execFileSync('mkfifo', [path.join(root, 'a/pipe')]);
    fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/a/`), Buffer.from([0xff, 0xfe])]), '');
    expect((await store.list('')).map(({ name }) => name)).toEqual(['a/b']);
    for (const name of ['a/link', 'a/pipe', 'a']) {
      expect((await expectFailure('io', () => store.read(name))).message).toContain(`${name} is not a file`);
    }
    expect(await store.create('a/link', Buffer.from('x'))).toBe(false);
  });

  test.each(['../x', 'a/../../x', '/etc/passwd', 'a//b', '', '.', 'a/\0', 'a/.unfinished-0123456789abcdef'])(
    '%j is no name of an object',
    async (name) => {
      const store = open(full);
      await expectFailure('io', () => store.read(name));
      await expectFailure('io', () => writeBytes(store, name, 'x'));
      await expectFailure('io', () => store.remove([name]));
      expect(namesIn(above).filter((left) => !left.startsWith('ssh-'))).toEqual([]);
    },
  );

  test('a list of what no name begins with leads nowhere else', async () => {
    const store = open(full);
    await writeBytes(store, 'a', 'a');
    fs.writeFileSync(path.join(above, 'b'), '');
    for (const prefix of ['../', '../b', '/', './']) expect(await store.list(prefix)).toEqual([]);
  });

  test('what killed runs left is never listed, and swept when it is old', async () => {
    const store = open(full);
    await writeBytes(store, 'a/b', 'b');
    const left = [
      '.unfinished-0123456789abcdef',
      'a/.unfinished-0123456789abcde0',
      'only/.unfinished-0123456789abcde1',
    ];
    fs.mkdirSync(path.join(root, 'only'));
    for (const name of left) fs.writeFileSync(path.join(root, name), 'half');
    const anHourAgo = new Date(Date.now() - 3_600_000);
    for (const name of left.slice(1)) fs.utimesSync(path.join(root, name), anHourAgo, anHourAgo);
    expect((await store.list('')).map(({ name }) => name)).toEqual(['a/b']);
    expect(await store.sweep!(7_200_000)).toBe(0);
    expect(await store.sweep!(1_800_000)).toBe(2);
    expect(namesIn(root)).toEqual(['.unfinished-0123456789abcdef', 'a']);
    expect(await store.sweep!(0)).toBe(1);
    expect(fs.readdirSync(root, { recursive: true })).toEqual(['a', 'a/b']);
  });

  test('nothing gets its name before it is synced, and the name is synced as well', async () => {
    const log = path.join(above, 'log');
    const own = await startSshd(script(`exec /usr/lib/openssh/sftp-server -e -l VERBOSE 2>${log}`));
    const store = open(own);
    await writeBytes(store, 'a', 'a');
    await store.create('b', Buffer.from('b'));
    const done = fs.readFileSync(log, 'utf8').match(/^(?:fsync|posix-rename|hardlink)\b/gm);
    expect(done).toEqual(['fsync', 'posix-rename', 'fsync', 'fsync', 'hardlink', 'fsync']);
  });

  test('of several on different connections one creates an object, with and without extensions', async () => {
    for (const server of [full, plain]) {
      const several = Array.from({ length: 4 }, () => open(server));
      const results = await Promise.all(
        several.map((store, i) => store.create(`lock-${server.port}`, Buffer.from(`${i}`))),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
      expect(await text(several[0]!, `lock-${server.port}`)).toBe(`${results.indexOf(true)}`);
    }
  });

  test('an object that is replaced while it is read is one or the other', async () => {
    const [store, other] = [open(full), open(full)];
    const versions = ['a', 'b'].map((letter, i) => letter.repeat(400_000 + i * 100_000));
    await writeBytes(store, 'x', versions[0]!);
    let isOver = false;
    const writing = (async () => {
      for (let i = 0; i < 20; i++) await writeBytes(other, 'x', versions[i % 2]!);
      isOver = true;
    })();
    while (!isOver) expect(versions).toContain(await text(store, 'x'));
    await writing;
  });

  describe('whom it trusts', () => {
    const known = (name: string, ...lines: string[]): string => {
      const file = path.join(above, name);
      fs.writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
      return `UserKnownHostsFile ${file}`;
    };
    const keyOf = (file: string): string => fs.readFileSync(file, 'utf8').split(' ').slice(0, 2).join(' ');

    test('a host whose key is not known is refused, with what to do', async () => {
      const store = open(full, { lines: [known('none')] });
      const error = await expectFailure('not-permitted', () => writeBytes(store, 'a', 'a'));
      expect(error.message).toContain('the key of the host is not known here');
      expect(error.details.hint).toContain(`ssh -p ${full.port} `);
      expect(error.details.hint).toContain('ssh-keyscan');
    });

    test('a host whose key has changed is refused loudly', async () => {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(above, 'other')]);
      const store = open(full, {
        lines: [known('changed', `server-of-tests ${keyOf(path.join(above, 'other.pub'))}`)],
      });
      const error = await expectFailure('not-permitted', () => store.list(''));
      expect(error.message).toContain('THE KEY OF THE HOST HAS CHANGED');
    });

    test('a changed key that a configuration allows is not taken for why the connection is lost later', async () => {
      const own = await startSshd();
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(above, 'other')]);
      const changed = known('changed', `server-of-tests ${keyOf(path.join(above, 'other.pub'))}`);
      const store = open(own, { lines: [changed, 'StrictHostKeyChecking no'] });
      await writeBytes(store, 'a', 'a');
      own.kill();
      await expectFailure('store-unreachable', () => store.list(''));
    });

    test('a host whose key is revoked is refused', async () => {
      const store = open(full, {
        lines: [known('revoked', `@revoked * ${keyOf(path.join(full.directory, 'host.pub'))}`)],
      });
      expect((await expectFailure('not-permitted', () => store.list(''))).message).toContain('is revoked');
    });

    test('hosts are known by what ssh-keyscan prints, hashed by ssh-keygen', async () => {
      const lines = execFileSync('ssh-keyscan', ['-p', `${full.port}`, '127.0.0.1'], {
        stdio: 'pipe',
        encoding: 'utf8',
      });
      const configured = known('scanned', lines);
      execFileSync('ssh-keygen', ['-q', '-H', '-f', path.join(above, 'scanned')], { stdio: 'pipe' });
      expect(fs.readFileSync(path.join(above, 'scanned'), 'utf8')).toMatch(/^\|1\|/);
      const store = open(full, { lines: [configured, `HostKeyAlias [127.0.0.1]:${full.port}`] });
      expect(await store.list('')).toEqual([]);
    });
  });

  describe('how it gets in', () => {
    test('a key with a passphrase is used while an agent holds it, and otherwise the hint says so', async () => {
      const own = await startSshd();
      const key = path.join(own.directory, 'locked');
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'passphrase', '-f', key]);
      fs.copyFileSync(`${key}.pub`, path.join(own.directory, 'user.pub'));
      const socket = path.join(own.directory, 'agent');
      const lines = [`IdentityFile ${key}`, `IdentityAgent ${socket}`];
      const error = await expectFailure('not-permitted', () => open(own, { lines }).list(''));
      expect(error.details.hint).toContain('SSH_AUTH_SOCK');

      const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
      onTestFinished(() => void agent.kill());
      while (!fs.existsSync(socket)) await sleep(10);
      const askpass = path.join(own.directory, 'askpass');
      fs.writeFileSync(askpass, '#!/bin/sh\necho passphrase\n', { mode: 0o700 });
      const env = { ...process.env, SSH_AUTH_SOCK: socket, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' };
      execFileSync('ssh-add', ['-q', key], { env, stdio: 'pipe' });
      expect(await open(own, { lines }).list('')).toEqual([]);
    });

    test('a name of ~/.ssh/config stands for host, port, user and jump host', async () => {
      const { username } = os.userInfo();
      const lines = [
        'Host backups',
        'HostName 127.0.0.1',
        `Port ${full.port}`,
        `User ${username}`,
        'ProxyJump jump',
        'Host jump',
        'HostName 127.0.0.1',
        `Port ${plain.port}`,
        `User ${username}`,
      ];
      const store = open(full, { url: `sftp://backups${root}`, lines });
      await writeBytes(store, 'a', 'through another host');
      expect(fs.readFileSync(path.join(root, 'a'), 'utf8')).toBe('through another host');
      expect(fs.readFileSync(path.join(plain.directory, `log/${plain.port}.log`), 'utf8')).toContain('Accepted');
    });

    test('what is connected to by a ProxyCommand needs no host that the network knows', async () => {
      const script = `const s=require('net').connect(${full.port},'127.0.0.1');process.stdin.pipe(s).pipe(process.stdout)`;
      const lines = ['Host far', `User ${os.userInfo().username}`, `ProxyCommand ${process.execPath} -e "${script}"`];
      const store = open(full, { url: `sftp://far${root}`, lines });
      await writeBytes(store, 'a', 'by a command');
      expect(await text(store, 'a')).toBe('by a command');
    });

    test('a command of the configuration that fails is shown', async () => {
      const store = open(full, { lines: ['ProxyCommand /nonexistent/command'] });
      expect((await expectFailure('store-unreachable', () => store.list(''))).message).toContain(
        '/nonexistent/command',
      );
    });

    test('what a configuration asks for when somebody works on the host is left out', async () => {
      const lines = [
        'RemoteCommand echo hello',
        'RequestTTY force',
        'ControlMaster auto',
        `ControlPath ${above}/control`,
        'LogLevel QUIET',
      ];
      expect(await open(full, { lines }).list('')).toEqual([]);
      const error = await expectFailure('not-permitted', () =>
        open(full, { lines: [...lines, 'PubkeyAuthentication no'] }).list(''),
      );
      expect(error.message).toContain('accepts none of our keys (ssh: ');
      expect(fs.existsSync(path.join(above, 'control'))).toBe(false);
    });

    test.each([
      ['Bogus yes', 'usage', 'ssh does not accept its configuration'],
      ['Ciphers 3des-cbc', 'not-permitted', 'no algorithm in common'],
    ] as const)('a configuration with %j is refused by name', async (line, code, message) => {
      expect((await expectFailure(code, () => open(full, { lines: [line] }).list(''))).message).toContain(message);
    });

    test('a machine without ssh is told what to install', async () => {
      const error = await expectFailure('usage', () => open(full, { env: { PATH: above } }).list(''));
      expect(error.message).toContain('ssh is not installed');
      expect(error.details.hint).toContain('openssh-client');
    });

    test.each([
      ['echo Welcome to this host; exec /usr/lib/openssh/sftp-server', 'io', 'no SFTP server: "Welcome to this host"'],
      ['exit 1', 'store-unreachable', 'no connection'],
    ] as const)('a server whose SFTP is %j is told by name', async (subsystem, code, message) => {
      const own = await startSshd(script(subsystem));
      const error = await expectFailure(code, () => open(own).list(''));
      expect(error.message).toContain(message);
    });
  });

  describe('when it fails', () => {
    let network: FaultyNetwork;

    beforeEach(async () => {
      network = await startFaultyNetwork(full.port);
    });
    afterEach(() => network.stop());

    const through = (stallMs?: number): Store =>
      open(full, { url: sftpUrl(full, root, network.port), ...(stallMs === undefined ? {} : { stallMs }) });

    test.each([0, 1, 100_000, 1_000_000])(
      'a connection that is reset %d bytes into an object leaves the old one, and is made again',
      async (bytes) => {
        const store = through();
        await writeBytes(store, 'a', 'old');
        network.failAfter(bytes, 'reset');
        const error = await expectFailure('store-unreachable', () => writeBytes(store, 'a', randomBytes(2_000_000)));
        expect(error.message).toContain(store.place);
        await expectFailure('store-unreachable', () => store.list(''));
        network.heal();
        expect(await text(store, 'a')).toBe('old');
        expect((await store.list('')).map(({ name }) => name)).toEqual(['a']);
        await writeBytes(store, 'a', 'new');
        expect(await text(store, 'a')).toBe('new');
        expect(network.connections).toBeGreaterThanOrEqual(3);
        await expectSwept(store);
        expect(namesIn(root)).toEqual(['a']);
      },
    );

    test.each(Array.from({ length: effort('SFTP_RESETS', 3, 150) }, (_, i) => i + 1))(
      'wherever a connection is reset, an object is the old one or the new one, and a created one whole or not there (seed %d)',
      async (seed) => {
        const random = randomNumbers(seed * 7919);
        const store = through();
        const [old, written, created] = ['old', 'written', 'created'].map((word) => word.repeat(1000));
        await writeBytes(store, 'a', old!);
        // A write of that size and a create are some 17 KB with all that is said around them.
        network.failAfter(random(20_000), 'reset');
        const isWritten = await succeeds(() => writeBytes(store, 'a', written!));
        const isCreated = await succeeds(() => store.create('b', Buffer.from(created!)));
        network.heal();
        expect(isWritten ? [written] : [old, written]).toContain(await text(store, 'a'));
        const found = await store.read('b');
        if (isCreated) expect(found).toBeDefined();
        if (found) expect(Buffer.from(found).toString()).toBe(created);
        await expectSwept(store);
      },
    );

    /** What served the connection that was lost may be at work for a while. */
    const expectSwept = async (store: Store): Promise<void> => {
      const unfinished = async (): Promise<string[]> => {
        await store.sweep!(0);
        return namesIn(root).filter((name) => name.startsWith('.'));
      };
      await expect.poll(unfinished, { timeout: 30_000 }).toEqual([]);
    };

    const succeeds = async (work: () => Promise<unknown>): Promise<boolean> => {
      try {
        await work();
        return true;
      } catch (error) {
        expect((error as FigaroError).code).toBe('store-unreachable');
        return false;
      }
    };

    test('a write whose connection is reset is made again', async () => {
      const retries: string[] = [];
      const store = await openStore(sftpUrl(full, root, network.port), {
        env: sshEnvironment(full, above),
        sleep: () => Promise.resolve(),
        onRetry: ({ error }) => {
          retries.push(error.message);
          network.heal();
        },
      });
      stores.push(store);
      const bytes = randomBytes(1_000_000);
      network.failAfter(300_000, 'reset');
      await writeBytes(store, 'a', bytes);
      expect(Buffer.compare((await store.read('a'))!, bytes)).toBe(0);
      expect(retries).toHaveLength(1);
      expect(retries[0]).toContain('the connection was lost');
    });

    test('a network that goes silent is noticed', async () => {
      const store = through(1000);
      await writeBytes(store, 'a', 'old');
      network.failAfter(100_000, 'stall');
      const writing = writeBytes(store, 'a', randomBytes(2_000_000));
      await expectFailure('store-unreachable', () => writing);
      expect(fs.readFileSync(path.join(root, 'a'), 'utf8')).toBe('old');
    });

    test('a server that accepts connections and says nothing is given up', async () => {
      network.failAfter(0, 'stall');
      const error = await expectFailure('store-unreachable', () => through(300).list(''));
      expect(error.message).toContain('no connection within');
    });

    test('a server that is killed while it is written to leaves the old object, or the new one', async () => {
      const own = await startSshd();
      const store = open(own);
      await writeBytes(store, 'a', 'old');
      const piece = Buffer.alloc(100_000, 'n');
      const source = {
        size: 5_000_000,
        async *open(_: number, length: number) {
          for (let done = 0; done < length; done += piece.length) {
            if (done === 3_000_000) own.kill();
            yield piece;
          }
        },
      };
      const error = await expectFailure('store-unreachable', () => store.write('a', source));
      expect(error.message).toContain('the connection was lost');
      expect(fs.readFileSync(path.join(root, 'a'), 'utf8')).toBe('old');
      await expectFailure('store-unreachable', () => store.list(''));
    });

    test('a server whose process stands still is given up in the end', async () => {
      const own = await startSshd(script('exec sleep 60'));
      await expectFailure('store-unreachable', () => open(own, { stallMs: 500 }).list(''));
    });

    test('a server that may only be read from says that it may not be written to', async () => {
      const own = await startSshd('internal-sftp -R');
      const store = open(own);
      fs.mkdirSync(root);
      fs.writeFileSync(path.join(root, 'a'), 'a');
      expect(await text(store, 'a')).toBe('a');
      for (const work of [
        () => writeBytes(store, 'b', 'b'),
        () => store.create('b', Buffer.from('b')),
        () => store.remove(['a']),
      ]) {
        expect((await expectFailure('not-permitted', work)).message).toContain('permission denied');
      }
      expect(namesIn(root)).toEqual(['a']);
    });

    test('a server that takes no more of an object leaves none, and is told as one without room', async () => {
      const own = await startSshd(script("trap '' XFSZ; ulimit -f 100; exec /usr/lib/openssh/sftp-server"));
      const store = open(own);
      await writeBytes(store, 'small', 'small');
      const error = await expectFailure('no-space', () => writeBytes(store, 'large', randomBytes(1_000_000)));
      expect(error.message).toContain('the server takes no more of it');
      expect(error.details.hint).toContain('quota');
      expect(namesIn(root)).toEqual(['small']);
    });

    test('a disk that is full is told with what is free', async (context) => {
      const disk = path.join(above, 'disk');
      fs.mkdirSync(disk);
      if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]).status !== 0) {
        console.warn('skipped: this user cannot mount a file system');
        return context.skip();
      }
      onTestFinished(() => void spawnSync('umount', [disk]));
      const store = open(full, { url: sftpUrl(full, disk) });
      await writeBytes(store, 'small', 'small');
      const error = await expectFailure('no-space', () => writeBytes(store, 'large', randomBytes(2_000_000)));
      expect(error.message).toMatch(/no space left: .* are free there, and it has 1\.9 MiB/);
      expect(namesIn(disk)).toEqual(['small']);
      await store.close();
    });

    test('a file in the way of a directory is told', async () => {
      const store = open(full);
      await writeBytes(store, 'a', 'a');
      const error = await expectFailure('io', () => writeBytes(store, 'a/b', 'b'));
      expect(error.details.hint).toContain('in the way');
      expect(await text(store, 'a')).toBe('a');
    });

    test('a store that was closed is not opened again', async () => {
      const store = open(full);
      await writeBytes(store, 'a', 'a');
      await store.close();
      await expectFailure('io', () => store.read('a'));
    });
  });
});
