/** All kinds of stores, for tests of what every store does. */

import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { failure } from '../../src/engine/files/failures.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { openLocalStore } from '../../src/engine/store/local-store.ts';
import { openStore } from '../../src/engine/store/open-store.ts';
import { type StoreSettings } from '../../src/engine/store/store-settings.ts';
import { type Store } from '../../src/engine/store/store.ts';
import { isLongRun } from './effort.ts';
import { MemoryStore } from './memory-store.ts';
import { freePorts } from './servers/live-servers.ts';
import { newBucket, s3Servers, type S3Server } from './servers/s3-servers.ts';
import { sftpUrl, sharedSshd, sshdPackages, sshdProgram, sshEnvironment } from './servers/sshd.ts';
import { describeWith } from './tools.ts';
import { watchedFiles } from './watched-files.ts';

export interface StoreKind {
  /** An empty store. */
  open(): Promise<Store>;
  /** How many of ten that create an object at once are told that they did, at most. */
  readonly mostWinners: number;
  /** More than come in one answer to a list. */
  readonly manyObjects: number;
  /** Whether objects are files: then no name is that of a directory of another one. */
  readonly isOfFiles?: boolean;
  /** Stores that cannot be used, by what they fail with; those in memory always can. */
  readonly broken?: Partial<Broken>;
}

interface Broken {
  /** Nobody listens there. */
  unreachable(): Promise<Store>;
  /** With keys that do not belong there. */
  notPermitted(): Promise<Store>;
  /** In a bucket, or a directory, that is not there. */
  missing(): Promise<Store>;
}

/** What is tried again is not tried for long. */
const settings = { budgetMs: 300 };
const manyObjects = isLongRun ? 1100 : 35;

/**
 * Runs the same tests for every kind of store, in the long run for those of servers, too. Without its server, those of a store are
 * skipped, and say so; in CI they fail.
 */
export function describeStores(tests: (kind: StoreKind) => void): void {
  describe('a store in memory', () =>
    tests({ open: () => Promise.resolve(new MemoryStore()), mostWinners: 1, manyObjects }));
  describeLocal(tests);
  if (!isLongRun) return;
  for (const server of s3Servers) describeS3(server, tests);
  describeSftp('full', 'OpenSSH', tests);
  describeSftp('plain', 'SFTP without extensions', tests);
}

function describeLocal(tests: (kind: StoreKind) => void): void {
  describe('a store in a directory', () => {
    let above: string;
    beforeAll(() => {
      above = fs.mkdtempSync(path.join(tmpdir(), 'figaro-test-'));
    });
    afterAll(() => fs.rmSync(above, { recursive: true }));
    const open = (files: Files = nodeFiles): Promise<Store> =>
      Promise.resolve(openLocalStore(files, fs.mkdtempSync(path.join(above, 'objects-'))));
    const broken = {
      notPermitted: () => open(refusingFiles),
      missing: () => Promise.resolve(openLocalStore(nodeFiles, path.join(above, 'missing'))),
    };
    tests({ open, mostWinners: 1, manyObjects, isOfFiles: true, broken });
  });
}

/** As the system does for whoever is not root, in a directory that may not be looked into. */
const refusingFiles = watchedFiles(nodeFiles, {
  before: (operation, file) => {
    const refusal = Object.assign(new Error('EACCES: permission denied, open'), { code: 'EACCES' });
    if (operation !== 'statThrough') throw failure('open', file, refusal);
  },
});

function describeS3(server: S3Server, tests: (kind: StoreKind) => void): void {
  const open = async (bucket?: string, env: StoreSettings['env'] = {}): Promise<Store> => {
    const environment = await server.environment();
    const name = bucket ?? (await newBucket(environment));
    return await openStore(`s3://${name}/some/prefix`, { env: { ...environment, ...env }, ...settings });
  };
  describeWith(server.program, server.packages, `a store in ${server.title}`, () =>
    tests({
      open,
      mostWinners: server.refusesTaken ? 1 : 10,
      manyObjects,
      broken: {
        unreachable: async () => {
          const [port] = await freePorts(1);
          return await open('any', { AWS_ENDPOINT_URL: `http://127.0.0.1:${port}` });
        },
        notPermitted: () => open(undefined, { AWS_SECRET_ACCESS_KEY: 'not-the-right-one' }),
        missing: () => open('there-is-no-such-bucket'),
      },
    }),
  );
}

/** @param which of the servers; what cannot be used is the same for both */
function describeSftp(which: 'full' | 'plain', title: string, tests: (kind: StoreKind) => void): void {
  const open = async (inside: string, port?: number, ...lines: string[]): Promise<Store> => {
    const { [which]: server } = await sharedSshd();
    const directory = fs.mkdtempSync(path.join(server.directory, 'objects-'));
    const env = sshEnvironment(server, directory, ...lines);
    return await openStore(sftpUrl(server, path.join(directory, inside), port), { env, ...settings });
  };
  const broken = {
    unreachable: async () => await open('store', (await freePorts(1))[0]),
    notPermitted: () => open('store', undefined, 'PubkeyAuthentication no'),
    missing: () => open('missing/store'),
  };
  describeWith(sshdProgram, sshdPackages, `a store in ${title}`, () =>
    tests({
      open: () => open('store'),
      mostWinners: 1,
      manyObjects,
      isOfFiles: true,
      ...(which === 'full' ? { broken } : {}),
    }),
  );
}
