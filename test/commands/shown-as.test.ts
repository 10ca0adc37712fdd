import { expect, test } from 'vitest';
import { withName } from '../../src/commands/shown-as.ts';

const spool = 'C:\\Temp\\figaro-backup.spooling-1';
const url = 's3://bucket/orders';

test('names of objects have what URLs have between their parts, also where paths have another one', () => {
  const text = `${spool}\\set-1\\manifest.json: is damaged in C:\\x\\y, "${spool}\\set-2\\environment\\d.dbxml" and ${spool}`;
  expect(withName(text, spool, url, '\\')).toBe(
    `${url}/set-1/manifest.json: is damaged in C:\\x\\y, "${url}/set-2/environment/d.dbxml" and ${url}`,
  );
  const [inText, json] = [
    JSON.stringify(spool).slice(1, -1),
    JSON.stringify({ path: `${spool}\\a\\b`, other: 'c\\d' }),
  ];
  expect(JSON.parse(withName(json, inText, url, '\\\\'))).toEqual({ path: `${url}/a/b`, other: 'c\\d' });
});

test('files of a directory have what its paths have', () => {
  expect(withName(`${spool}\\set-1\\pin.json`, spool, 'D:\\packed', '\\')).toBe('D:\\packed\\set-1\\pin.json');
  expect(withName('/tmp/spool/a\\b and /tmp/spool', '/tmp/spool', url, '/')).toBe(`${url}/a\\b and ${url}`);
});
