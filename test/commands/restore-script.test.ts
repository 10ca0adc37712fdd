/** What the script in a packed repository, which brings sets back without this program, does not do. */

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { temporaryDirectory } from '../support/demo-environment.ts';
import { PackedPlace } from '../support/packed-place.ts';
import { describeWith } from '../support/tools.ts';
import { namesIn } from '../support/trees.ts';

let packed: PackedPlace;
let set: string;
let directory: string;

beforeAll(async () => {
  packed = await PackedPlace.make(fs.mkdtempSync(path.join(tmpdir(), 'figaro-test-')), 'packed');
  packed.application.commitUpTo([4, 72_115]);
  await packed.init();
  await packed.succeed('hot --home @env --repo @repo');
  [set = ''] = packed.sets();
});
afterAll(() => fs.rmSync(packed.place.directory, { recursive: true, force: true }));
beforeEach(() => {
  directory = temporaryDirectory();
  fs.cpSync(packed.inside('repo'), inside('repo'), { recursive: true });
});

const inside = (name: string): string => path.join(directory, name);

function restore(target: string): { status: number | null; stderr: string } {
  const { status, stderr } = spawnSync('python3', ['restore.py', set, target], {
    cwd: inside('repo'),
    encoding: 'utf8',
  });
  return { status, stderr };
}

/** Puts another text in the place of that of an object. */
function rewrite(file: string, change: (text: string) => string): string {
  const text = change(execFileSync('zstd', ['-dcq', file], { encoding: 'utf8' }));
  fs.writeFileSync(file, execFileSync('zstd', ['-cq'], { input: text }));
  return createHash('sha256').update(text).digest('hex');
}

/** The set as somebody made it who can write to the repository: everything matches. */
function tamper(inContents: (text: string) => string, inManifest = (text: string): string => text): void {
  const names = namesIn(inside(`repo/sets/${set}`));
  const fileOf = (kind: string): string => inside(`repo/sets/${set}/${names.find((name) => name.startsWith(kind))!}`);
  const sha256 = rewrite(fileOf('contents.'), inContents);
  rewrite(fileOf('manifest.json'), (text) =>
    inManifest(text.replace(/"sha256":"[0-9a-f]{64}"/, `"sha256":"${sha256}"`)),
  );
}

describeWith('python3', 'python3', 'the script of a packed repository', () =>
  describeWith('zstd', 'zstd', 'with zstd', () => {
    test('overwrites nothing: a target that holds something is refused', () => {
      const target = inside('target');
      fs.mkdirSync(path.join(target, 'environment'), { recursive: true });
      fs.writeFileSync(path.join(target, 'environment/d.dbxml'), 'mine');
      expect(restore(target)).toEqual({
        status: 1,
        stderr: `${target} is not an empty directory, and nothing was written: name one that is new or empty\n`,
      });
      expect(namesIn(path.join(target, 'environment'))).toEqual(['d.dbxml']);
      expect(fs.readFileSync(path.join(target, 'environment/d.dbxml'), 'utf8')).toBe('mine');
    });

    test.each([
      ['a file', (target: string) => fs.writeFileSync(target, 'mine')],
      ['a link that leads nowhere', (target: string) => fs.symlinkSync('nowhere', target)],
    ])('makes nothing in the place of %s', (_, make) => {
      make(inside('target'));
      const { status, stderr } = restore(inside('target'));
      expect([status, stderr]).toEqual([1, expect.stringContaining('is not an empty directory')]);
      expect(namesIn(directory)).toEqual(['repo', 'target']);
    });

    test('restores into an empty directory as into a new one', () => {
      fs.mkdirSync(inside('target'));
      expect(restore(inside('target'))).toEqual({ status: 0, stderr: '' });
      expect(namesIn(inside('target/environment'))).toContain('d.dbxml');
    });

    test.each(['../evil', '../../evil', 'environment/../../evil', '/evil', ''])(
      'writes nothing outside of the target for a file called "%s"',
      (name) => {
        const evil = name === '/evil' ? inside('evil') : name;
        tamper((text) => text.replace('"environment/d.dbxml"', JSON.stringify(evil)));
        const { status, stderr } = restore(inside('in/target'));
        expect([status, stderr]).toEqual([1, expect.stringContaining('leads out of where it belongs')]);
        expect(namesIn(directory).filter((each) => each !== 'in')).toEqual(['repo']);
        expect(fs.existsSync(inside('in')) ? namesIn(inside('in')) : []).not.toContain('evil');
      },
    );

    test('reads no object outside of the repository', () => {
      const secret = path.join(directory, 'secret');
      fs.writeFileSync(`${secret}.zst`, execFileSync('zstd', ['-cq'], { input: 'secret' }));
      tamper((text) => text.replace(/^20\S+ \d+ \d+$/m, '../../secret 0 6'));
      const { status, stderr } = restore(inside('target'));
      expect([status, stderr]).toEqual([1, expect.stringContaining('leads out of where it belongs')]);
    });

    test('has one file for each name', () => {
      tamper((text) => text.replace('"environment/e.dbxml"', '"environment/d.dbxml"'));
      expect(restore(inside('target'))).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('FileExistsError') as string,
      });
    });
  }),
);
