import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { type FigaroError } from '../../../src/errors.ts';
import { openStore } from '../../../src/engine/store/open-store.ts';
import { type Store } from '../../../src/engine/store/store.ts';
import { effort } from '../../support/effort.ts';
import { writeBytes } from '../../support/memory-store.ts';
import { randomNumbers } from '../../support/random-numbers.ts';
import { startFaultyNetwork, type FaultyNetwork } from '../../support/servers/faulty-network.ts';
import { sftpUrl, sshEnvironment, startSshd } from '../../support/servers/sshd.ts';
import { describeSftp, textOf } from '../../support/sftp-stores.ts';
import { expectFailure, namesIn } from '../../support/trees.ts';

describeSftp('a store in SFTP that fails', (at) => {
  let network: FaultyNetwork;

  beforeEach(async () => {
    network = await startFaultyNetwork(at.full.port);
  });
  afterEach(() => network.stop());

  const through = (stallMs?: number): Store =>
    at.open(at.full, { url: sftpUrl(at.full, at.root, network.port), ...(stallMs === undefined ? {} : { stallMs }) });

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
      expect(await textOf(store, 'a')).toBe('old');
      expect((await store.list('')).map(({ name }) => name)).toEqual(['a']);
      await writeBytes(store, 'a', 'new');
      expect(await textOf(store, 'a')).toBe('new');
      expect(network.connections).toBeGreaterThanOrEqual(3);
      await expectSwept(store);
      expect(namesIn(at.root)).toEqual(['a']);
    },
  );

  test.each(Array.from({ length: effort('SFTP_RESETS', 150) }, (_, i) => i + 1))(
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
      expect(isWritten ? [written] : [old, written]).toContain(await textOf(store, 'a'));
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
      return namesIn(at.root).filter((name) => name.startsWith('.'));
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
    const store = await openStore(sftpUrl(at.full, at.root, network.port), {
      env: sshEnvironment(at.full, at.above),
      sleep: () => Promise.resolve(),
      onRetry: ({ error }) => {
        retries.push(error.message);
        network.heal();
      },
    });
    at.closeLater(store);
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
    expect(fs.readFileSync(path.join(at.root, 'a'), 'utf8')).toBe('old');
  });

  test('a server that accepts connections and says nothing is given up', async () => {
    network.failAfter(0, 'stall');
    const error = await expectFailure('store-unreachable', () => through(300).list(''));
    expect(error.message).toContain('no connection within');
  });

  test('a server that is killed while it is written to leaves the old object, or the new one', async () => {
    const own = await startSshd();
    const store = at.open(own);
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
    expect(fs.readFileSync(path.join(at.root, 'a'), 'utf8')).toBe('old');
    await expectFailure('store-unreachable', () => store.list(''));
  });

  test('a server whose process stands still is given up in the end', async () => {
    const own = await startSshd(at.script('exec sleep 60'));
    await expectFailure('store-unreachable', () => at.open(own, { stallMs: 500 }).list(''));
  });

  test('a server that may only be read from says that it may not be written to', async () => {
    const own = await startSshd('internal-sftp -R');
    const store = at.open(own);
    fs.mkdirSync(at.root);
    fs.writeFileSync(path.join(at.root, 'a'), 'a');
    expect(await textOf(store, 'a')).toBe('a');
    for (const work of [
      () => writeBytes(store, 'b', 'b'),
      () => store.create('b', Buffer.from('b')),
      () => store.remove(['a']),
    ]) {
      expect((await expectFailure('not-permitted', work)).message).toContain('permission denied');
    }
    expect(namesIn(at.root)).toEqual(['a']);
  });

  test('a server that takes no more of an object leaves none, and is told as one without room', async () => {
    const own = await startSshd(at.script("trap '' XFSZ; ulimit -f 100; exec /usr/lib/openssh/sftp-server"));
    const store = at.open(own);
    await writeBytes(store, 'small', 'small');
    const error = await expectFailure('no-space', () => writeBytes(store, 'large', randomBytes(1_000_000)));
    expect(error.message).toContain('the server takes no more of it');
    expect(error.details.hint).toContain('quota');
    expect(namesIn(at.root)).toEqual(['small']);
  });

  test('a disk that is full is told with what is free', async (context) => {
    const disk = path.join(at.above, 'disk');
    fs.mkdirSync(disk);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]).status !== 0) {
      console.warn('skipped: this user cannot mount a file system');
      return context.skip();
    }
    onTestFinished(() => void spawnSync('umount', [disk]));
    const store = at.open(at.full, { url: sftpUrl(at.full, disk) });
    await writeBytes(store, 'small', 'small');
    const error = await expectFailure('no-space', () => writeBytes(store, 'large', randomBytes(2_000_000)));
    expect(error.message).toMatch(/no space left: .* are free there, and it has 1\.9 MiB/);
    expect(namesIn(disk)).toEqual(['small']);
    await store.close();
  });

  test('a file in the way of a directory is told', async () => {
    const store = at.open(at.full);
    await writeBytes(store, 'a', 'a');
    const error = await expectFailure('io', () => writeBytes(store, 'a/b', 'b'));
    expect(error.details.hint).toContain('in the way');
    expect(await textOf(store, 'a')).toBe('a');
  });

  test('a store that was closed is not opened again', async () => {
    const store = at.open(at.full);
    await writeBytes(store, 'a', 'a');
    await store.close();
    await expectFailure('io', () => store.read('a'));
  });
});
