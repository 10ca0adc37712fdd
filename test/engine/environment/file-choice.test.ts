import { expect, test } from 'vitest';
import { chooseFiles } from '../../../src/engine/environment/file-choice.ts';

test.each([
  ['*.xml', 'a.xml', true],
  ['*.xml', 'deep/.a.xml', true],
  ['attachments', 'x/attachments/deep/a', true],
  ['attachments/', 'attachments/a', true],
  ['sub/*', 'sub/a', true],
  ['sub/*', 'other/a', false],
  ['sub/*.xml', 'sub/a.xml', true],
  ['sub/*.xml', 'sub/a.pdf', false],
  ['sub/*.xml', 'sub/deep/a.xml', false],
  ['./sub/*', 'sub/a', true],
  ['cache/**', 'cache/a/b', true],
  ['{sub/a,b}', 'sub/a', true],
  ['{sub/a,b}', 'x/b', true],
])('the pattern %s, of the file %s: %s', (pattern, name, isMeant) => {
  expect(chooseFiles([pattern]).includes(name)).toBe(isMeant);
  expect(chooseFiles([], [pattern]).excludes(name)).toBe(isMeant);
});
