/** Stores on servers with SFTP, in a place of its own for each test. */

import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach } from 'vitest';
import { openSftpStore } from '../../src/engine/store/sftp-store.ts';
import { type Store } from '../../src/engine/store/store.ts';
import { temporaryDirectory } from './demo-environment.ts';
import { serverStartMs } from './servers/live-servers.ts';
import { sftpUrl, sharedSshd, sshdPackages, sshdProgram, sshEnvironment, type Sshd } from './servers/sshd.ts';
import { describeWith } from './tools.ts';

/** How a store is opened, where that is not as usual. */
export interface SftpWay {
  readonly url?: string;
  /** Lines for the configuration of ssh. */
  readonly lines?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stallMs?: number;
}

export interface SftpPlace {
  /** SFTP as OpenSSH has it. */
  full: Sshd;
  /** With nothing beyond the protocol. */
  plain: Sshd;
  /** The directory above that of the store. */
  above: string;
  root: string;
  /** A store that is closed when the test is over. */
  open(server: Sshd, way?: SftpWay): Store;
  /** Has a store closed when the test is over. */
  closeLater(store: Store): Store;
  /** A program for a server, of one line of shell. */
  script(line: string): string;
}

/** `describe`, with a place whose fields are those of the test that runs. Without OpenSSH all is skipped, and in CI it fails. */
export function describeSftp(title: string, tests: (at: SftpPlace) => void): void {
  describeWith(sshdProgram, sshdPackages, title, () => {
    let stores: Store[] = [];
    const at = {
      open: (server: Sshd, { url = sftpUrl(server, at.root), lines = [], env, stallMs = 20_000 }: SftpWay = {}) =>
        at.closeLater(openSftpStore(url, { env: { ...sshEnvironment(server, at.above, ...lines), ...env }, stallMs })),
      closeLater: (store: Store) => {
        stores.push(store);
        return store;
      },
      script: (line: string) => {
        const file = path.join(at.above, 'server');
        fs.writeFileSync(file, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
        return file;
      },
    } as SftpPlace;
    beforeAll(async () => {
      Object.assign(at, await sharedSshd());
    }, serverStartMs);
    beforeEach(() => {
      at.above = temporaryDirectory();
      at.root = path.join(at.above, 'store');
      stores = [];
    });
    afterEach(async () => {
      for (const store of stores) await store.close();
    });
    tests(at);
  });
}

/** An object that is there, as text. */
export async function textOf(store: Store, name: string): Promise<string> {
  return Buffer.from((await store.read(name))!).toString();
}
