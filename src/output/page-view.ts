/** Pages and their items as text. */

import { type InspectedPage } from '../engine/inspect/page.ts';
import { formatLsn } from '../format/lsn.ts';
import { wordsOf, type FieldValue, type Fields } from '../format/page/describe-meta.ts';
import { type PageItem } from '../format/page/describe-items.ts';
import { inOneLine, table } from './text.ts';

/** Bytes of an item shown before the rest is cut off. */
const shownBytes = 24;

/** A page as a table of fields and a table of items. */
export function describePageText(file: string, page: Omit<InspectedPage, 'stored'>, whole: boolean): string {
  const { pgno, offset, pageSize, problem, fileProblem, type, typeName, items, freeBytes } = page;
  const place = offset === undefined ? 'in an extent' : `at byte ${offset}`;
  const lines = [`${inOneLine(file)}: page ${pgno} ${place}, ${pageSize} bytes`];
  if (fileProblem !== undefined) lines.push(`the first page of the file is damaged: ${fileProblem}`);
  if (problem !== undefined) lines.push(`the page is damaged: ${problem}`);
  const { pgno: said, ...header } = page.header;
  const rows = [
    ['type', page.isBlank ? 'never written' : `${typeName ?? 'unknown'} (${type})`],
    ['LSN', formatLsn(page.lsn)],
    ['checksum', page.checksum],
    ...(said === pgno || page.isBlank ? [] : [['calls itself', `page ${String(said)}`]]),
    ...fieldRows(header),
    ...(freeBytes === undefined ? [] : [['free bytes', String(freeBytes)]]),
    ...(page.metadata ? fieldRows(page.metadata) : []),
    ...(page.checksum === 'unknown' ? [['the rest', 'is encrypted: give the password']] : []),
  ];
  const itemRows = items.flatMap((item) => rowsOf(item, whole));
  return `${lines.join('\n')}\n${indent(table(rows))}${itemRows.length > 0 ? `\n${table(itemRows)}` : ''}`;
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}

function fieldRows(fields: Fields): string[][] {
  return Object.entries(fields).map(([name, value]) => [wordsOf(name), fieldText(value)]);
}

function fieldText(value: FieldValue): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  return value.length === 0 ? 'none' : value.join(typeof value[0] === 'number' ? ' ' : ', ');
}

/** `12  1008  key  3 B  6b6579  key`; each of a set of duplicates has a row of its own. */
function rowsOf(item: PageItem, whole: boolean): string[][] {
  const { index, offset, role, data, duplicates, problem } = item;
  const marks = [item.deleted ? 'deleted' : '', problem === undefined ? '' : `damaged: ${problem}`];
  const [length = '', ...shown] = bytesText(data, whole);
  const place = [String(index).padStart(3), String(offset).padStart(5), role];
  const rest = [...shown, ...references(item), ...marks].filter((text) => text !== '').join('  ');
  if (!duplicates) return [[...place, length, rest]];
  const rows = duplicates.map((duplicate) => {
    const [size = '', ...bytes] = bytesText(duplicate, whole);
    return ['', '', '', size, bytes.join('  ')];
  });
  return [[...place, '', `${duplicates.length} duplicates`], ...rows];
}

function references({ leadsTo, pgno, slot, totalLength, records, externalFile }: PageItem): string[] {
  const parts: string[] = [];
  if (externalFile !== undefined) parts.push(`external file ${externalFile}`);
  if (leadsTo === 'child') parts.push(`to page ${pgno}`);
  else if (leadsTo !== undefined) parts.push(`${leadsTo} on page ${pgno}${slot === undefined ? '' : `, slot ${slot}`}`);
  if (totalLength !== undefined) parts.push(`${totalLength} bytes in all`);
  if (records !== undefined && records > 0) parts.push(`${records} records below`);
  return parts;
}

function bytesText(data: Uint8Array | undefined, whole: boolean): string[] {
  if (!data) return [];
  const shown = whole ? data : data.subarray(0, shownBytes);
  const rest = shown.length < data.length ? '…' : '';
  const hex = Buffer.from(shown).toString('hex');
  const parts = [`${data.length} B`];
  return data.length === 0 ? parts : [...parts, `${hex}${rest}`, `${readable(shown)}${rest}`];
}

/** Bytes as text, with a dot for what is not to be seen, or not UTF-8. */
function readable(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('utf8')
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}\uFFFD]/gu, '.');
}

/** 16 bytes a line: where, in hex, as ASCII. */
export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const part = Buffer.from(bytes.subarray(at, at + 16));
    const hex = part.toString('hex').replaceAll(/..(?=.)/g, '$& ');
    const text = part.toString('latin1').replaceAll(/[^ -~]/g, '.');
    lines.push(`${at.toString(16).padStart(4, '0')}  ${hex.padEnd(47)}  ${text}\n`);
  }
  return lines.join('');
}
