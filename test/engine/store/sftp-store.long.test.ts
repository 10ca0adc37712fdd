import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { writeBytes } from '../../support/memory-store.ts';
import { sftpUrl, startSshd } from '../../support/servers/sshd.ts';
import { describeSftp, textOf } from '../../support/sftp-stores.ts';
import { expectFailure, namesIn } from '../../support/trees.ts';

describeSftp('a store in SFTP', (at) => {
  test('objects are files below the directory of the URL, which are nothing but what was written', async () => {
    const store = at.open(at.full);
    await writeBytes(store, 'sets/1/a.dbxml', 'contents');
    expect(await store.create('repository.json', Buffer.from('{}'))).toBe(true);
    expect(fs.readFileSync(path.join(at.root, 'sets/1/a.dbxml'), 'utf8')).toBe('contents');
    expect(namesIn(at.root)).toEqual(['repository.json', 'sets']);
    expect(namesIn(path.join(at.root, 'sets/1'))).toEqual(['a.dbxml']);
    expect(fs.statSync(path.join(at.root, 'repository.json')).nlink).toBe(1);
  });

  test('a path that begins with /~/ is in the home directory, and one with // is absolute as well', async () => {
    const own = await startSshd(`internal-sftp -d ${at.above}`);
    await writeBytes(at.open(own, { url: sftpUrl(own, '/~/home') }), 'a', 'home');
    expect(fs.readFileSync(path.join(at.above, 'home/a'), 'utf8')).toBe('home');
    await writeBytes(at.open(own, { url: sftpUrl(own, `/${at.root}`) }), 'a', 'root');
    expect(fs.readFileSync(path.join(at.root, 'a'), 'utf8')).toBe('root');
  });

  test('directories that are empty after a removal go as well, and others stay', async () => {
    const store = at.open(at.full);
    for (const name of ['sets/1/a', 'sets/1/b/c', 'sets/2/a']) await writeBytes(store, name, name);
    await store.remove(['sets/1/a', 'sets/1/b/c']);
    expect(namesIn(path.join(at.root, 'sets'))).toEqual(['2']);
    await store.remove(['sets/2/a']);
    expect(namesIn(at.root)).toEqual([]);
    expect(fs.existsSync(at.root)).toBe(true);
  });

  test('links, pipes and names that are not text are not listed, not followed, and not waited for', async () => {
    const store = at.open(at.full);
    await writeBytes(store, 'a/b', 'b');
    const secret = path.join(at.above, 'secret');
    fs.mkdirSync(secret);
    fs.writeFileSync(path.join(secret, 'key'), 'secret');
    fs.symlinkSync(secret, path.join(at.root, 'a/directory'));
    fs.symlinkSync(path.join(secret, 'key'), path.join(at.root, 'a/link'));
    execFileSync('mkfifo', [path.join(at.root, 'a/pipe')]);
    fs.writeFileSync(Buffer.concat([Buffer.from(`${at.root}/a/`), Buffer.from([0xff, 0xfe])]), '');
    expect((await store.list('')).map(({ name }) => name)).toEqual(['a/b']);
    for (const name of ['a/link', 'a/pipe', 'a']) {
      expect((await expectFailure('io', () => store.read(name))).message).toContain(`${name} is not a file`);
    }
    expect(await store.create('a/link', Buffer.from('x'))).toBe(false);
  });

  test.each(['../x', 'a/../../x', '/etc/passwd', 'a//b', '', '.', 'a/\0', 'a/.unfinished-0123456789abcdef'])(
    '%j is no name of an object',
    async (name) => {
      const store = at.open(at.full);
      await expectFailure('io', () => store.read(name));
      await expectFailure('io', () => writeBytes(store, name, 'x'));
      await expectFailure('io', () => store.remove([name]));
      expect(namesIn(at.above).filter((left) => !left.startsWith('ssh-'))).toEqual([]);
    },
  );

  test('a list of what no name begins with leads nowhere else', async () => {
    const store = at.open(at.full);
    await writeBytes(store, 'a', 'a');
    fs.writeFileSync(path.join(at.above, 'b'), '');
    for (const prefix of ['../', '../b', '/', './']) expect(await store.list(prefix)).toEqual([]);
  });

  test('what killed runs left is never listed, and swept when it is old', async () => {
    const store = at.open(at.full);
    await writeBytes(store, 'a/b', 'b');
    const left = [
      '.unfinished-0123456789abcdef',
      'a/.unfinished-0123456789abcde0',
      'only/.unfinished-0123456789abcde1',
    ];
    fs.mkdirSync(path.join(at.root, 'only'));
    for (const name of left) fs.writeFileSync(path.join(at.root, name), 'half');
    const anHourAgo = new Date(Date.now() - 3_600_000);
    for (const name of left.slice(1)) fs.utimesSync(path.join(at.root, name), anHourAgo, anHourAgo);
    expect((await store.list('')).map(({ name }) => name)).toEqual(['a/b']);
    expect(await store.sweep!(7_200_000)).toBe(0);
    expect(await store.sweep!(1_800_000)).toBe(2);
    expect(namesIn(at.root)).toEqual(['.unfinished-0123456789abcdef', 'a']);
    expect(await store.sweep!(0)).toBe(1);
    expect(fs.readdirSync(at.root, { recursive: true })).toEqual(['a', 'a/b']);
  });

  test('nothing gets its name before it is synced, and the name is synced as well', async () => {
    const log = path.join(at.above, 'log');
    const own = await startSshd(at.script(`exec /usr/lib/openssh/sftp-server -e -l VERBOSE 2>${log}`));
    const store = at.open(own);
    await writeBytes(store, 'a', 'a');
    await store.create('b', Buffer.from('b'));
    const done = fs.readFileSync(log, 'utf8').match(/^(?:fsync|posix-rename|hardlink)\b/gm);
    expect(done).toEqual(['fsync', 'posix-rename', 'fsync', 'fsync', 'hardlink', 'fsync']);
  });

  test('of several on different connections one creates an object, with and without extensions', async () => {
    for (const server of [at.full, at.plain]) {
      const several = Array.from({ length: 4 }, () => at.open(server));
      const results = await Promise.all(
        several.map((store, i) => store.create(`lock-${server.port}`, Buffer.from(`${i}`))),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
      expect(await textOf(several[0]!, `lock-${server.port}`)).toBe(`${results.indexOf(true)}`);
    }
  });

  test('an object that is replaced while it is read is one or the other', async () => {
    const [store, other] = [at.open(at.full), at.open(at.full)];
    const versions = ['a', 'b'].map((letter, i) => letter.repeat(400_000 + i * 100_000));
    await writeBytes(store, 'x', versions[0]!);
    let isOver = false;
    const writing = (async () => {
      for (let i = 0; i < 20; i++) await writeBytes(other, 'x', versions[i % 2]!);
      isOver = true;
    })();
    while (!isOver) expect(versions).toContain(await textOf(store, 'x'));
    await writing;
  });
});
