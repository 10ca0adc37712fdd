import { describe, expect, test } from 'vitest';
import {
  decodeContents,
  encodeContents,
  pieceAt,
  PiecesMaker,
  type Contents,
  type Pieces,
} from '../../../src/engine/packed/contents.ts';
import { packLimit } from '../../../src/engine/packed/layout.ts';
import { expectFailure } from '../../support/trees.ts';
import { onPlatform } from '../../support/platform.ts';

const packs = ['20261122T081500Z-hot-7f3a9c.01234567/000001', '20261123T081500Z-incremental-51be02.89abcdef/1000000'];

function piecesOf(...runs: readonly (readonly [pack: number, offset: number, length: number])[]) {
  const maker = new PiecesMaker();
  for (const run of runs) maker.add(...run);
  return maker.finish();
}

function contentsOf(files: Contents['files']): Contents {
  return { depth: 2, packs, files };
}

/** The text of contents with one file, of which a line is other than it should be. */
function textWith(line: number, text: string): Buffer {
  const contents = contentsOf(new Map([['environment/a', piecesOf([0, 0, 4096], [1, 512, 100])]]));
  const lines = Buffer.from(encodeContents(contents)).toString().split('\n');
  lines[line] = text;
  return Buffer.from(lines.join('\n'));
}

describe('contents of a set', () => {
  test('say the same when they are read back', () => {
    const files = new Map([
      ['environment/docs.dbxml', piecesOf([0, 0, 4096], [1, 512, 100], [0, 4096, 1], [0, 4097, 8192])],
      ['environment/empty', piecesOf()],
      ['environment/log.0000000001', piecesOf([1, 0, packLimit])],
    ]);
    const text = encodeContents(contentsOf(files));
    const { depth, packs: found, files: read } = decodeContents(text, 'contents');
    expect([depth, found, read]).toEqual([2, packs, files]);
    expect(encodeContents({ depth, packs: found, files: read })).toEqual(text);
  });

  test('are a text that can be read by people', () => {
    const text = encodeContents(contentsOf(new Map([['environment/a b.dbxml', piecesOf([0, 0, 4096])]])));
    expect(Buffer.from(text).toString()).toBe(
      `figaro-backup contents 1\ndepth 2\nfile 4096 "environment/a b.dbxml"\n${packs[0]} 0 4096\n`,
    );
  });

  // What some take for the end of a line is none.
  test.each(['a\nb', 'a\r', 'a\u2028b', 'a\u2029b', 'a\u0085b', '"', '\\', 'ü', '\ud800', ' file 1 "x"', '\u{1f4be}'])(
    'have files of any name that the system can give to one: %j',
    (name) => {
      const files = new Map([[`environment/${name}`, piecesOf([0, 0, 1])]]);
      const text = encodeContents(contentsOf(files));
      expect(onPlatform('linux', () => decodeContents(text, 'contents')).files).toEqual(files);
    },
  );

  test('of many files and pieces are read back whole', () => {
    const maker = new PiecesMaker();
    for (let i = 0; i < 30_000; i++) maker.add(i % 2, (i * 7) % 1000, 1 + (i % 50));
    const files = new Map<string, Pieces>();
    for (let i = 0; i < 300; i++) files.set(`environment/${i}`, piecesOf([0, i, 1]));
    files.set('environment/large', maker.finish());
    expect(decodeContents(encodeContents(contentsOf(files)), 'contents').files).toEqual(files);
  });

  test.each([
    [0, 'figaro-backup contents 2', 'line 1: it does not begin'],
    [1, 'depth -1', 'line 2: it does not say how deep it is'],
    [1, 'depth 1234567', 'line 2: it does not say how deep it is'],
    [2, 'file 4196 environment/a', 'line 3: it has no file there'],
    [2, 'file 4196 "/etc/passwd"', 'line 3: it has no file there'],
    [2, 'file 4196 "environment/../../a"', 'line 3: it has no file there'],
    [2, 'file 4196 "environment/a" ', 'line 3: it has no file there'],
    [2, 'file 4196 "environment/a\\"', 'line 3: it has no file there'],
    [2, 'file -1 "environment/a"', 'line 3: it has no file there'],
    [2, 'file 4197 "environment/a"', 'has 4197 bytes, and pieces of 4196'],
    [3, `${packs[0]} 0 0`, 'line 4: it has no piece of a pack there'],
    [3, `${packs[0]} -1 4096`, 'line 4: it has no piece of a pack there'],
    [3, `${packs[0]} 0 4096 1`, 'line 4: it has no piece of a pack there'],
    [3, `${packs[0]}  4096`, 'line 4: it has no piece of a pack there'],
    [3, `${packs[0]} 0 04096`, 'line 4: it has no piece of a pack there'],
    [3, `${packs[0]} 0 4096\r`, 'line 4: it has no piece of a pack there'],
    [3, `../../../etc/000001 0 4096`, 'line 4: it has no piece of a pack there'],
    [3, `${packs[0]} ${packLimit - 4095} 4096`, 'line 4: it has no piece of a pack there'],
    [3, `${packs[0]} 0 ${packLimit + 1}`, 'line 4: it has no piece of a pack there'],
    [3, '', 'line 4: it has no piece of a pack there'],
    [4, 'file 0 "environment/a"', 'has 4196 bytes, and pieces of 4096'],
    [5, 'file 0 "environment/a"\n', 'it has "environment/a" twice'],
    [5, 'file 0 "environment/b"', 'it ends within a line'],
  ])('that say in line %i what cannot be are refused by name: %s', async (line, text, problem) => {
    const { message } = await expectFailure('manifest-corrupt', () => decodeContents(textWith(line, text), 'contents'));
    expect(message).toContain(problem);
  });

  test('that are cut anywhere are refused, or lack whole files', async () => {
    const files = new Map([
      ['environment/a', piecesOf([0, 0, 4096], [1, 512, 100])],
      ['environment/b', piecesOf([0, 4096, 5])],
    ]);
    const text = encodeContents(contentsOf(files));
    for (let length = 0; length < text.length; length++) {
      try {
        for (const [name, pieces] of decodeContents(text.subarray(0, length), 'contents').files) {
          expect(pieces).toEqual(files.get(name));
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'manifest-corrupt' });
      }
    }
  });

  test('tell which piece a byte is in', () => {
    const pieces = piecesOf([0, 0, 10], [1, 0, 1], [0, 50, 20]);
    expect([0, 9, 10, 11, 30].map((at) => pieceAt(pieces, at))).toEqual([0, 0, 1, 2, 2]);
    expect(pieceAt(piecesOf(), 0)).toBe(0);
  });
});
