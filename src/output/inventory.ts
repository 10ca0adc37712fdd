/** The inventory of a container as text. */

import { type ContainerInventory, type DatabaseInventory } from '../engine/database/inventory.ts';
import { type PageTotals, type PageUse } from '../engine/database/statistics.ts';
import { type XmlInventory } from '../engine/database/xml-inventory.ts';
import { wordsOf } from '../format/page/describe-meta.ts';
import { type DatabaseFormat } from '../format/page/meta.ts';
import { releaseOfDatabase } from '../format/releases.ts';
import { bar } from './bars.ts';
import { formatBytes, formatCount, inOneLine, table } from './text.ts';

const barWidth = 10;

/** In the order in which they are shown. */
const uses: readonly PageUse[] = [
  'metadata',
  'internal',
  'leaf',
  'bucket',
  'bucketOverflow',
  'unused',
  'region',
  'data',
  'duplicates',
  'overflow',
];

export function describeInventory(inventory: ContainerInventory): string {
  const { path, format, size, xml, databases, findings, findingCount } = inventory;
  const parts = [
    `${inOneLine(path)}: ${formatBytes(size)}, ${describeFormat(format)}\n${pagesLine(inventory)}`,
    ...(xml ? [describeXml(xml)] : []),
    databases.map(describeDatabase).join(''),
  ];
  if (findingCount > 0) {
    const lines = findings.map(({ message }) => `  ${inOneLine(message)}\n`).join('');
    const hint =
      'Counts exclude unreachable pages. After a crash, or while it is in use, a file may only need recovery.';
    parts.push(`it is inconsistent as read from disk: ${formatCount(findingCount, 'finding')}\n${lines}${hint}\n`);
  }
  return parts.join('\n');
}

/** `btree version 9 (Berkeley DB 4.2 to 6.0.20), pages of 4096 bytes, little-endian, no checksums, not encrypted` */
function describeFormat({
  method,
  version,
  pageSize,
  littleEndian,
  checksums,
  encrypted,
}: Pick<DatabaseFormat, 'method' | 'version' | 'pageSize' | 'littleEndian' | 'checksums' | 'encrypted'>): string {
  const release = releaseOfDatabase(method, version);
  return [
    `${method} version ${version}${release === undefined ? '' : ` (Berkeley DB ${release})`}`,
    `pages of ${pageSize} bytes`,
    littleEndian ? 'little-endian' : 'big-endian',
    checksums ? 'checksums' : 'no checksums',
    encrypted ? 'encrypted' : 'not encrypted',
  ].join(', ');
}

function pagesLine({ pageCount, freePages, namePages, unwrittenPages, lostPages }: ContainerInventory): string {
  const parts = [formatCount(pageCount, 'page')];
  if (namePages > 0) parts.push(`${namePages} of names`);
  parts.push(`${freePages} free`);
  if (unwrittenPages > 0) parts.push(`${unwrittenPages} never written`);
  if (lostPages > 0) parts.push(`${lostPages} that nothing refers to`);
  return `  ${parts.join(', ')}\n`;
}

function describeXml(xml: XmlInventory): string {
  const { storage, version, documents, compression, autoIndex, indexesNodes, defaultIndexes, indexes } = xml;
  const stored =
    storage === undefined ? 'stored in an unknown way' : storage === 'node' ? 'stored by nodes' : 'stored whole';
  const facts = [
    `container of Berkeley DB XML, version ${version}: ${formatCount(documents, 'document')} ${stored}`,
    indexesNodes ? 'indexes lead to nodes' : 'indexes lead to documents',
    autoIndex ? 'indexes are added automatically' : 'indexes are added by hand only',
    ...(compression === undefined || compression === 'NONE' ? [] : [`compression ${compression}`]),
  ];
  const rows = [
    ...(defaultIndexes.length > 0 ? [['(all others)', defaultIndexes.join(' ')]] : []),
    ...indexes.map(({ name, uri, indexes: own }) => [uri === undefined ? name : `${name} (${uri})`, own.join(' ')]),
  ];
  const specification = rows.length === 0 ? '  no indexes\n' : indent(table(rows.map((row) => row.map(inOneLine))), 2);
  return `${facts.join(', ')}\n${specification}`;
}

function describeDatabase(database: DatabaseInventory): string {
  const { name, method, flags, recordLength, partitions, records, keys, depth, pages } = database;
  const all = Object.values(pages);
  const facts = [
    method,
    records === undefined ? 'compressed records' : formatCount(records, 'record'),
    ...(keys === undefined || keys === records ? [] : [formatCount(keys, 'key')]),
    ...(recordLength === undefined ? [] : [`of ${recordLength} bytes`]),
    ...(depth === undefined ? [] : [formatCount(depth, 'level')]),
    ...(partitions === undefined ? [] : [formatCount(partitions, 'partition')]),
    ...flags.filter((flag) => !impliedFlags.has(flag)),
  ];
  const title = `${name === undefined ? '(the file itself)' : inOneLine(name)}: ${facts.join(', ')}\n`;
  const rows = uses.flatMap((use) => {
    const totals = pages[use];
    return totals ? [[wordsOf(use), String(totals.pages), ...fillCells(totals)]] : [];
  });
  const total = ['all', String(all.reduce((sum, totals) => sum + totals.pages, 0))];
  return title + indent(table(all.length > 1 ? [...rows, total] : rows), 4);
}

/** What the method says already, or the name. */
const impliedFlags: ReadonlySet<string> = new Set(['sub databases', 'sub database', 'recno']);

function fillCells({ capacity, freeBytes }: PageTotals): string[] {
  if (capacity === 0) return [];
  const used = capacity - freeBytes;
  const picture = bar(used, capacity, barWidth).padEnd(barWidth, '·');
  return [picture, `${Math.round((100 * used) / capacity)} % full`];
}

function indent(text: string, by: number): string {
  return text.replaceAll(/^(?=.)/gm, ' '.repeat(by));
}
