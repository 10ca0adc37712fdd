/** Pages as Berkeley DB's own dump tool prints them. */

/** A page as `db5.3_dump -da` prints it, in words of ours. */
export interface NativePage {
  readonly type: string;
  readonly lsn: string;
  readonly fields: Readonly<Record<string, number>>;
  readonly items: readonly string[];
}

const typeNames: Readonly<Record<string, string>> = {
  'btree metadata': 'btree meta',
  'hash metadata': 'hash meta',
  'queue metadata': 'queue meta',
  'heap metadata': 'heap meta',
  'heap internal': 'heap region',
  queue: 'queue data',
  duplicate: 'duplicate leaf',
};

/** Reads what `db5.3_dump -da` printed. Pages that were never written call themselves page 0 there, and are left out. */
export function nativePages(text: string): Map<number, NativePage> {
  const pages = new Map<number, NativePage>();
  for (const part of text.split(/^(?=page \d+: )/m).slice(1)) {
    const [, pgno, type = '', lsn = ''] = /^page (\d+): ([a-z ]+): LSN (\[\d+\]\[\d+\])/.exec(part)!;
    const fields: Record<string, number> = {};
    for (const [, name = '', value = ''] of headOf(part).matchAll(
      /\b(level|records|prev|next|entries|offset|ref cnt|high|high indx|free indx|magic|version|pagesize|last_pgno|keys|minkey|root|max_bucket|ffactor|first_recno|cur_recno|rec_page|page_ext|nregions|region_size): +(0x[0-9a-f]+|\d+)/g,
    )) {
      fields[name] ??= Number(value);
    }
    if (!pages.has(Number(pgno)))
      pages.set(Number(pgno), { type: typeNames[type] ?? type, lsn, fields, items: nativeItems(part) });
  }
  return pages;
}

/** The lines before the items, without data. */
function headOf(part: string): string {
  const lines = part.split('\n').filter((line) => !/^(?:\t| +)D?\[\d+\] |^\t\t/.test(line));
  return lines.map((line) => line.replace(/ data: .*/, '')).join('\n');
}

function nativeItems(part: string): string[] {
  const items: string[] = [];
  for (const line of part.split('\n')) {
    const duplicate = /^\t\tlen: +(\d+)/.exec(line);
    if (duplicate) items.push(`duplicate of ${duplicate[1]} bytes`);
    const match = /^(?:\t| +)(D?)\[(\d+)\] +(\d+) (.*)$/.exec(line);
    if (!match) continue;
    const [, deleted = '', index, offset, rest = ''] = match;
    items.push(`${deleted}${Number(index)} at ${offset}: ${nativeItem(rest)}`);
  }
  return items;
}

function nativeItem(rest: string): string {
  const number = (pattern: RegExp): string | undefined => pattern.exec(rest)?.[1];
  if (rest.startsWith('Duplicates')) return 'duplicates';
  if (rest.startsWith('overflow')) return `overflow ${number(/page: +(\d+)/)} of ${number(/total len: +(\d+)/)}`;
  if (rest.startsWith('duplicate:')) return `duplicates on ${number(/page: +(\d+)/)}`;
  if (rest.endsWith('[offpage dups]')) return `duplicates on ${number(/^ *(\d+)/)}`;
  if (rest.startsWith('entries')) return `child ${number(/pgno +(\d+)/)} with ${number(/^entries +(\d+)/)}`;
  if (/pgno: +\d+ type:/.test(rest)) {
    const length = number(/total len: +(\d+)/) ?? number(/ len: +(\d+)/);
    const count = number(/^count: +(\d+)/);
    return `child ${number(/pgno: +(\d+)/)}${count === undefined ? '' : ` with ${count}`}, ${length} bytes`;
  }
  const [, , data = ''] = /len: +(\d+)( data: )?(.*)$/.exec(rest)!.slice(1);
  const length = Number(number(/ ?\blen: +(\d+)/));
  const split = /^split: 0x0*([0-9a-f]+) tsize: +(\d+) next: +(\d+)\.(\d+)/.exec(rest);
  if (split) {
    const isFirst = (Number.parseInt(split[1]!, 16) & 2) !== 0;
    const isLast = (Number.parseInt(split[1]!, 16) & 4) !== 0;
    return `piece of ${length}${isFirst ? ` of ${split[2]}` : ''}${isLast ? '' : ` to ${split[3]}.${split[4]}`}`;
  }
  // What is mostly text is printed as text, which is not always to be told from hex.
  const isHex = data.length >= 16 && data.length === Math.min(2 * length, data.length) && /^[0-9a-f]+$/.test(data);
  return `${length} bytes${isHex ? ` ${data.slice(0, 16)}` : ''}`;
}
