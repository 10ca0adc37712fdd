/** What `npm run package` makes, beside the files themselves. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../support/demo-environment.ts';
import { describeSingleFiles, makeSingleFiles, ownName } from '../support/single-files.ts';
import { namesIn } from '../support/trees.ts';

test('the name of a system that is none is refused, and nothing is made', async () => {
  const directory = path.join(temporaryDirectory(), 'packages');
  await expect(makeSingleFiles(directory, ['figaro-backup-vax'])).rejects.toThrow(
    /figaro-backup-vax is none of figaro-backup-linux-x64,/,
  );
  expect(fs.existsSync(directory)).toBe(false);
});

await describeSingleFiles('what is made', (directory) => {
  test('all of it has its checksum', () => {
    const { status, stdout } = spawnSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: directory, encoding: 'utf8' });
    expect(status, stdout).toBe(0);
    const named = stdout.split('\n').flatMap((line) => line.split(':')[0] || []);
    expect(named).toEqual(namesIn(directory).filter((name) => name !== 'SHA256SUMS'));
  });

  test('the licenses of all that is in a file are there, those of Node.js as well', () => {
    const program = fs.readFileSync(path.join(directory, ownName)).toString('latin1');
    // Each part of the script begins with where it comes from.
    const parts = program.matchAll(/^\/\/ node_modules\/((?:@[\w.-]+\/)?[\w.-]+)\//gm);
    const names = [...new Set([...parts].map(([, name]) => name!))].sort();
    // Node.js is made of packages as well, under its own license.
    const packages = names.filter((name) => fs.existsSync(path.join(import.meta.dirname, '../../node_modules', name)));
    expect(packages).toEqual(
      expect.arrayContaining(['@aws-sdk/client-s3', '@bokuweb/zstd-wasm', 'chalk', 'commander']),
    );
    const licenses = fs.readFileSync(path.join(directory, 'third-party-licenses.txt'), 'utf8');
    const named = [...licenses.matchAll(/^-{80}\n(\S+) (\S+)\n\n(?=\S)/gm)].map(([, name]) => name!);
    expect(named).toEqual(expect.arrayContaining(packages));
    expect(named.at(-1)).toBe('Node.js');
    expect(licenses).toContain('libuv');
  });

  test('another time the same is made, byte for byte', async () => {
    const again = path.join(temporaryDirectory(), 'again');
    await makeSingleFiles(again, [ownName]);
    const sums = fs.readFileSync(path.join(directory, 'SHA256SUMS'), 'utf8').split('\n');
    for (const line of fs.readFileSync(path.join(again, 'SHA256SUMS'), 'utf8').split('\n'))
      expect(sums).toContain(line);
    expect(namesIn(again)).toEqual(['SHA256SUMS', ownName, 'third-party-licenses.txt']);
  });
});
