import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { Cipher } from '../../../src/format/crypto.ts';
import { fromStored, hasRightChecksum, toStored } from '../../../src/format/page/checksum.ts';
import { checkPage } from '../../../src/format/page/check.ts';
import { metaAt, recognizeFile, type DatabaseFormat } from '../../../src/format/page/meta.ts';
import { Page } from '../../../src/format/page/page.ts';
import { pageType } from '../../../src/format/page/types.ts';

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

/** The first page of a queue of 4.8.26 (format document, A.3). */
const metaPage = fromHex(
  [
    '04000000604d010000000000532204000400000000020000010a010000000000',
    '00000000000000000000000000000000000000003287260000fe000080750e4a',
    'e543fd674f441b0cad88072486f253bb316460a77136d63f10667ff1fe078556',
    '710805249370e7186283abe091b6dfbc31e4f0a19475bdb46fe3ba6c4571524e',
    'ed1a70ee7af92ad3bfb9d38f8c249a4fc326ac02c2e9181f466875e4afd13a9e',
    '85bf344f130d94324c301af4878842b0be8a5464138b1c3de839222ac67ba633',
    'd26c077adfdf8736a9dec8795a4f96e63d72b7d1ce4de61d3b52c632fd9a49c9',
    '3c2f23b39c7c79796ba1d9f72aa62dae8897fee537d838543759970ca48ee78b',
    'a5f4edeae0097457a4a7848808843fdaefa795e06c53ac0fea32aeef162e3d77',
    '032cb7017b36ac5aa7d9dbc676a0b62a6ded9ac10e1eb1b6bf79b67d7d0b978f',
    '544fa77f2eb8ddccdc8ceabf46249cf117be06c979cd395a384ad76e59029757',
    'bb809834ce2dd8a6758cbf4119361e215f7656024a38982330ab034ae21aefe4',
    '3e43723500f08f180bdfd43547b8bc4287bfac2e1c771d4a4cc40b5cb2418c54',
    '037cc79d9d85a2d71b67a291a4b5351121705bef88a3abe807c924c404453844',
    '033c19eefe69ff12de126fb934cf5bee9ce2791ac9eb67ec76ba83b93af61f47',
    '357d233e560317c00d28dfa62745a3069b11374c1cf14ededff051a6e57a6ce9',
  ].join(''),
);

/** An internal btree page of the same environment (A.4). */
const btreePage = fromHex(
  [
    '0400000080e8000001000000000000000000000005009401020300001bad7869',
    'b9001396b393730c34f9d24f55a86267722b9dabdd958d406a335f459f7114a7',
    '5b83cb395b21d86c97b7cc4037be7f10c30d839f4fef2922d9a65880cb2cf670',
    '12146a5855044ecbff596b7436451a94289f19acb79081b4b0617c5c83dc4af4',
    '837501099bc22f6e2968d48e3ce57019d87ad1d7515e5fb6001e357b2e882b71',
    '30e49bed5ac8a3c7f52c60560729dd7133a271224c9a07e1716201bfdc6f18c4',
    'b019dbcc2742e5184a07db1c41f6e6fd787e61d32491b3e094049a7d1e5b337f',
    '4b3820422b7b9cf0ad257c6f2170020c9217ef545921a963a2dd4afc865a40ca',
    '1006ca9459416bb07c3aa3f325c84ce8d1d9e29dae0ad10adaed1f46555f2842',
    '3430918d9b197c8f06b22bc3f062adf9d47eb17d3aace9874b436918a6bd3b33',
    'cc65a3f0355529be72c3eb9456e6341fdc828ba6788408a10cb7ad2cbead3c5b',
    '12c01c5e0e28641e7bdb063d5262dcd7e3dc196b8cf9c3c361bb39c2aa80c478',
    '190241555013dd8d07092d6192ef031953f24d061d52ca09fd15a86ce7783757',
    '56ce77a7eb34499e2ed771e502ff3fb7c2f0da789a9c774a02da712b9d8f0c53',
    '7c3e2970b58957f892e9973a0eca4ba9934809dc4f0f0e7977b6c5956035055e',
    '9f759994fc4c4eb3052c54427a8562caa3ba1f4411affba5fe8754d5773f60f4',
  ].join(''),
);

const cipher = new Cipher(Buffer.from('figaro-test'));

function formatOf(head: Uint8Array): DatabaseFormat {
  const recognition = recognizeFile(head, cipher);
  if (recognition.kind !== 'database') throw new Error(recognition.kind);
  return recognition.format;
}

const queue = formatOf(metaPage);
const btree: DatabaseFormat = { ...queue, method: 'btree' };

describe('an encrypted metadata page', () => {
  test('tells its whole unique id to those who have the password', () => {
    expect(queue).toMatchObject({ method: 'queue', pageSize: 512, encrypted: true });
    expect(queue.uid.slice(24)).toBe('dbd3040000000000');
    expect(recognizeFile(metaPage)).toMatchObject({ kind: 'database', format: { encrypted: true } });
    expect(recognizeFile(metaPage, new Cipher(Buffer.from('other')))).toEqual({ kind: 'locked' });
  });

  test('has the fields of the plain one', () => {
    expect(hasRightChecksum(metaPage, queue)).toBe(true);
    const plain = fromStored(metaPage, queue);
    const page = new Page(plain, queue);
    const { first, current, recordLength, pad, recordsPerPage, extentPages } = metaAt.queue;
    const fields = [first, current, recordLength, pad, recordsPerPage, extentPages].map((at) => page.u32(at));
    expect(fields).toEqual([451, 452, 40, 32, 10, 4]);
    expect(page.u32(metaAt.cryptoMagic)).toBe(page.u32(metaAt.magic));
  });
});

test('an encrypted btree page has the items of the plain one', () => {
  expect(checkPage(btreePage, 1, btree)).toBeUndefined();
  const plain = fromStored(btreePage, btree);
  const page = new Page(plain, btree);
  expect([0, 1, 2, 3, 4].map((i) => page.itemAt(i))).toEqual([0x1f4, 0x1c4, 0x194, 0x1ac, 0x1dc]);
  expect(Buffer.from(plain.subarray(0x194)).toString('hex')).toBe(
    '0b00010007000000000000006b6579303030303030393730' +
      '0b00010003000000000000006b6579303030303031323130' +
      '0b00010004000000000000006b6579303030303030323430' +
      '0b00010006000000000000006b657930303030303137386b' +
      '000001000200000000000000',
  );
});

test('a page with any byte changed does not match its MAC', () => {
  for (const [bytes, format] of [
    [metaPage, queue],
    [btreePage, btree],
  ] as const) {
    for (let at = 0; at < bytes.length; at++) {
      // The type says where the MAC is.
      if (at === metaAt.type) continue;
      const damaged = bytes.slice();
      damaged[at]! ^= 0x10;
      expect(hasRightChecksum(damaged, format)).toBe(false);
    }
  }
});

test('a page written comes back, each time in another form', () => {
  const body = fc.uint8Array({ minLength: 512 - 64, maxLength: 512 - 64 });
  fc.assert(
    fc.property(body, fc.constantFrom(pageType.btreeLeaf, pageType.invalid, pageType.overflow), (text, type) => {
      const plain = new Uint8Array(512);
      plain.set(text, 64);
      const page = new Page(plain, btree);
      page.lsn = { file: 1, offset: 28 };
      page.initialize(7, 0, 0, 0, type);
      const stored = toStored(plain, btree);
      expect(hasRightChecksum(stored, btree)).toBe(true);
      expect(toStored(plain, btree)).not.toEqual(stored);
      const back = fromStored(stored, btree);
      expect(back).toEqual(plain);
    }),
  );
});

test('a metadata page written is one that its database is recognised by', () => {
  const plain = fromStored(metaPage, queue);
  const stored = toStored(plain, queue);
  expect(hasRightChecksum(stored, queue)).toBe(true);
  expect(formatOf(stored)).toEqual(queue);
});

test('a page never written is stored as it is', () => {
  expect(toStored(new Uint8Array(512), btree)).toEqual(new Uint8Array(512));
  expect(hasRightChecksum(new Uint8Array(512), btree)).toBe(true);
});

test('without the password nothing but the header of a page is checked', () => {
  const opaque = { ...btree, cipher: undefined };
  expect(checkPage(btreePage, 1, opaque)).toBeUndefined();
  expect(checkPage(btreePage, 2, opaque)).toMatchObject({ problem: 'it calls itself page 1' });
});
