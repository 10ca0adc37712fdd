/** Names that others wrote, of stores and logs, on Windows: none leads to another file than it says. */

import { describe, expect, test } from 'vitest';
import { leadsElsewhere } from '../../src/engine/environment/log-names.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { sortObjects } from '../../src/engine/remote/objects.ts';
import { openLocalStore } from '../../src/engine/store/local-store.ts';
import { onPlatform } from '../support/platform.ts';
import { newPlace } from '../support/place.ts';

const set = '20261122T081500Z-hot-7f3a9c';

describe.each([
  'C:evil.db',
  'a.db:evil',
  String.raw`..\..\..\evil.db`,
  String.raw`\\server\share\evil.db`,
  '.. /.. /evil.db',
  'con',
  'data/nul.db',
  'a.db.',
])('on Windows %j', (name) => {
  test('in a store is no object of a set', () => {
    const objects = [`${set}/environment/${name}`, `${set}/manifest.json`].map((object) => ({
      name: object,
      size: 1,
      changedMs: 0,
    }));
    const { sets } = onPlatform('win32', () => sortObjects(objects));
    expect(sets.map(({ objects: within }) => [...within.keys()])).toEqual([['manifest.json']]);
  });

  test('in a directory of objects is neither read nor written', async () => {
    const { directory } = newPlace();
    const store = openLocalStore(nodeFiles, directory);
    const reading = onPlatform('win32', () => store.read(`${set}/${name}`));
    await expect(reading).rejects.toThrow('cannot be the name of an object');
  });

  test('in a log is refused', () => {
    // There, a backslash is a slash before anybody asks.
    expect(onPlatform('win32', () => leadsElsewhere(name.replaceAll('\\', '/')))).toBe(true);
  });
});

test('plain names are those of objects and of files', () => {
  for (const name of ['docs.dbxml', 'data/orders 2026.dbxml', '__dbq.queue.db.0', './data/a.db']) {
    expect(onPlatform('win32', () => leadsElsewhere(name))).toBe(false);
  }
  const object = { name: `${set}/environment/data/docs.dbxml`, size: 1, changedMs: 0 };
  expect(onPlatform('win32', () => sortObjects([object])).sets[0]!.objects.size).toBe(1);
});

test('elsewhere only what leads out of the environment is refused in a log', () => {
  for (const name of ['../a.db', '/a.db', '', 'C:/a.db', 'a/../../b']) {
    expect(onPlatform('linux', () => leadsElsewhere(name))).toBe(true);
  }
  for (const name of ['con', 'a.db.', 'ab:c']) expect(onPlatform('linux', () => leadsElsewhere(name))).toBe(false);
});
