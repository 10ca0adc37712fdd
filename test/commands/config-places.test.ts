import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { configPlaces, findConfig, requireTrusted } from '../../src/commands/config-file.ts';
import { bytesAsFile } from '../../src/engine/files/bytes-as-file.ts';
import { filesWith } from '../../src/engine/files/files-with.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { expectFailure } from '../support/trees.ts';

const env = { APPDATA: String.raw`C:\Users\ann\AppData\Roaming`, ProgramData: String.raw`C:\ProgramData` };
const own = String.raw`C:\Users\ann\AppData\Roaming\figaro-backup.toml`;
const forAll = String.raw`C:\ProgramData\figaro-backup.toml`;

/** A machine with these files. */
function machine(contents: Readonly<Record<string, string>>): Files {
  return filesWith(nodeFiles, {
    openIfThere: (file) => {
      const text = contents[file];
      const stat = nodeFiles.statIfThere(import.meta.filename)!;
      return text === undefined
        ? undefined
        : bytesAsFile(file, Buffer.from(text), () => ({ ...stat, size: text.length, mode: 0o600 }));
    },
  });
}

describe('on Windows the configuration file', () => {
  test('is looked for in %APPDATA%, then in %ProgramData%, and nowhere else', () => {
    expect(configPlaces({ ...env, HOME: '/home/ann' }, 'win32')).toEqual([own, forAll]);
    expect(configPlaces({ ...env, XDG_CONFIG_HOME: String.raw`D:\config` }, 'win32')).toEqual([
      String.raw`D:\config\figaro-backup.toml`,
      forAll,
    ]);
    expect(configPlaces({}, 'win32')).toEqual([]);
  });

  test('of the user goes before that of all', () => {
    const files = machine({ [own]: '[environments.mine]', [forAll]: '[environments.ours]' });
    expect(findConfig(files, env, undefined, 'win32')?.environments).toEqual({ mine: {} });
    const withoutOwn = machine({ [forAll]: '[environments.ours]' });
    expect(findConfig(withoutOwn, env, undefined, 'win32')?.environments).toEqual({ ours: {} });
  });

  test('in %ProgramData%, where any user can make one, gives commands to run only when it was named', async () => {
    const files = machine({ [forAll]: '[defaults]\nrun-before = "calc"' });
    const found = findConfig(files, env, undefined, 'win32')!;
    const error = await expectFailure('not-permitted', async () => requireTrusted(files, found, 'commands to run'));
    expect(error.message).toBe(`${forAll}: it names commands to run, and any user could have made it`);
    for (const named of [
      findConfig(files, env, forAll, 'win32')!,
      findConfig(files, { ...env, FIGARO_BACKUP_CONFIG: forAll }, undefined, 'win32')!,
    ]) {
      expect(named.isAnybodys).toBe(false);
    }
    const ofUser = findConfig(machine({ [own]: '' }), env, undefined, 'win32')!;
    expect(ofUser.isAnybodys).toBe(false);
  });
});

test('elsewhere the configuration file is looked for in ~/.config, then in /etc', () => {
  expect(configPlaces({ ...env, HOME: '/home/ann' }, 'linux')).toEqual([
    path.posix.join('/home/ann', '.config', 'figaro-backup.toml'),
    '/etc/figaro-backup.toml',
  ]);
});
