import { describe, expect, test } from 'vitest';
import {
  contentsName,
  isContentsName,
  isPackName,
  newOrigin,
  packName,
  pagesName,
  partsOf,
} from '../../../src/engine/packed/layout.ts';
import { decodeManifestObject, encodeManifestObject } from '../../../src/engine/packed/manifest-object.ts';

const set = '20261122T081500Z-hot-7f3a9c';

describe('names of packs', () => {
  test('are known as such, and tell runs apart', () => {
    const origins = new Set(Array.from({ length: 50 }, newOrigin));
    expect(origins.size).toBe(50);
    for (const origin of origins) {
      expect(isPackName(packName(set, origin, 1))).toBe(true);
      expect(isPackName(packName(set, origin, 12_345_678))).toBe(true);
      expect(isContentsName(contentsName(origin))).toBe(true);
      expect(isContentsName(pagesName(origin))).toBe(false);
    }
  });

  test.each([
    '',
    'x',
    `${set}/000001`,
    `${set}.0123456/000001`,
    `${set}.0123456g/000001`,
    `${set}.01234567/00001`,
    `${set}.01234567/0000000001`,
    `${set}.01234567/000001/000001`,
    `../${set}.01234567/000001`,
    `${set}.01234567/000001\n`,
    `20261122T081500Z-other-7f3a9c.01234567/000001`,
  ])('are not: %j', (name) => expect(isPackName(name)).toBe(false));

  test('of objects of sets are told from all others', () => {
    expect(partsOf(`${set}/environment/a/b`)).toEqual({ set, rest: 'environment/a/b' });
    expect(partsOf(`${set}/`)).toEqual({ set, rest: '' });
    for (const name of ['repository.json', set, 'locks/a.json', `sets/${set}/a`, '/a', ''])
      expect(partsOf(name)).toBeUndefined();
  });
});

describe('the object of a manifest', () => {
  const named = { origin: '01234567', sha256: 'ab'.repeat(32) };

  test.each(['{}\n', '{}', '', '{"a": "}\\n"}\n', 'any bytes \u2028\0 ü\n\n'])('holds it byte for byte: %j', (text) => {
    const object = encodeManifestObject(Buffer.from(text), named);
    const found = decodeManifestObject(object)!;
    expect([Buffer.from(found.manifest).toString(), found.named]).toEqual([text, named]);
  });

  test('is JSON, of which the manifest is a part', () => {
    const object = Buffer.from(encodeManifestObject(Buffer.from('{\n  "id": "x"\n}\n'), named)).toString();
    expect(JSON.parse(object)).toEqual({ contents: named.origin, sha256: named.sha256, manifest: { id: 'x' } });
  });

  test('is none when it is cut, longer, or something else', () => {
    const object = encodeManifestObject(Buffer.from('{"id": 1}\n'), named);
    for (let length = 0; length < object.length; length++) {
      const found = decodeManifestObject(object.subarray(0, length));
      // What is cut where it could end is no manifest any more, which has a hash of itself.
      if (found) expect(found.manifest.length).toBeLessThan('{"id": 1}\n'.length);
    }
    expect(decodeManifestObject(Buffer.concat([object, Buffer.from(' ')]))).toBeUndefined();
    for (const text of ['', '\n', '{}\n', '{"contents":"01234567"}\n', '}\n', `\n${'x'.repeat(10_000)}}\n`]) {
      expect(decodeManifestObject(Buffer.from(text))).toBeUndefined();
    }
  });
});
