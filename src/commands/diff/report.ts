/** What is different, as text and as one JSON document: the summary first, then piece by piece. */

import { printable } from '../../engine/database/dump.ts';
import { type KeyedRecord } from '../../engine/database/records.ts';
import { forEachDocument, forEachRecord, type FileDifference } from '../../engine/differences/compare.ts';
import { type DocumentChange, type DocumentPair } from '../../engine/differences/document-pair.ts';
import { type SideName } from '../../engine/differences/file-pair.ts';
import { type Change } from '../../engine/differences/join.ts';
import { type TwoStates } from '../../engine/differences/two-states.ts';
import { type Side } from '../../engine/differences/sides.ts';
import { type DocumentVersion } from '../../engine/documents/version.ts';
import { type Watch } from '../../engine/pause.ts';
import { describePoint } from '../../engine/recovery/restore-point.ts';
import { type FigaroError } from '../../errors.ts';
import { toJson } from '../../output/json.ts';
import { formatBytes, formatCommit, formatCount, inOneLine, printable as withoutControls } from '../../output/text.ts';
import { type CommandContext, type CommonOptions } from '../context.ts';

export interface ReportOptions extends CommonOptions {
  readonly content?: true;
  readonly keys?: true;
}

interface Reported {
  readonly from: Side;
  readonly to: Side;
  readonly states: TwoStates;
  readonly found: readonly FileDifference[];
  /** What could not be read, and so not be compared. */
  readonly refused: readonly FigaroError[];
  readonly warnings: readonly string[];
}

/** Longer documents are not shown as a diff, in bytes. */
const longestContent = 16 << 20;

/** Characters of a key or a value that are shown. */
const shownLength = 60;

const signs = { added: '+', put: '+', changed: '~', deleted: '-', removed: '-' } as const;

export class Report {
  readonly #context: CommandContext;
  readonly #options: ReportOptions;
  readonly #reported: Reported;
  readonly #watch: Watch;

  constructor(context: CommandContext, options: ReportOptions, reported: Reported, watch: Watch) {
    this.#context = context;
    this.#options = options;
    this.#reported = reported;
    this.#watch = watch;
  }

  async print(): Promise<void> {
    if (this.#options.json) await this.#printJson();
    else if (!this.#options.quiet) await this.#printText();
  }

  async #write(text: string): Promise<void> {
    this.#context.results.write(text);
    await this.#context.results.flush();
  }

  async #printText(): Promise<void> {
    const { found } = this.#reported;
    await this.#write(`from  ${this.#momentText('from')}\nto    ${this.#momentText('to')}\n${summaryText(found)}\n`);
    for (const file of found) {
      if (this.#context.results.isClosed) return;
      const hasDetails = file.documents !== undefined || this.#options.keys || file === found[0];
      await this.#write(`${hasDetails ? '\n' : ''}${fileText(file)}\n`);
      await this.#forEachDocument(file, async (change, documents) => {
        const content = this.#options.content ? withoutControls(await contentOf(change, documents)) : '';
        await this.#write(`${documentText(change)}\n${content}`);
      });
      let last: string | null = null;
      await this.#forEachRecord(file, async (database, change) => {
        const heading = database !== null && database !== last ? `  ${inOneLine(database)}:\n` : '';
        last = database;
        await this.#write(`${heading}${recordText(change)}\n`);
      });
    }
  }

  #momentText(side: SideName): string {
    const { environment, restorePoint, chain } = this.#reported[side];
    const asked = restorePoint.kind === 'end' ? '' : `, asked for: ${describePoint(restorePoint)}`;
    const where = chain ? `chain ${chain.id}` : environment.home;
    const { commit } = this.#reported.states[side];
    return `${commit ? formatCommit(commit) : 'as it is'} in ${inOneLine(where)}${asked}`;
  }

  async #printJson(): Promise<void> {
    const { found, refused, warnings } = this.#reported;
    const head = toJson({
      ...this.#context.envelope,
      from: this.#moment('from'),
      to: this.#moment('to'),
      summary: summaryOf(found),
      files: found.map(({ names: _names, ...file }) => file),
    });
    await this.#write(head.slice(0, head.lastIndexOf('\n}')));
    await this.#writeList('documents', async (add) => {
      for (const file of found) {
        await this.#forEachDocument(file, async (change, documents) => {
          const content = this.#options.content ? { diff: await contentOf(change, documents) } : {};
          await add({ container: file.name, ...documentFields(change), ...content });
        });
      }
    });
    if (this.#options.keys) {
      await this.#writeList('records', async (add) => {
        for (const file of found) {
          await this.#forEachRecord(file, async (database, change) => {
            await add({ file: file.name, database, ...recordFields(change) });
          });
        }
      });
    }
    const unread = refused.map(({ code, message }) => ({ code, message }));
    const rest = { refused: unread, ...(warnings.length > 0 ? { warnings } : {}) };
    const fields = Object.entries(rest).map(([name, value]) => `,\n  "${name}": ${toJson(value, true).trimEnd()}`);
    await this.#write(`${fields.join('')}\n}\n`);
  }

  async #writeList(name: string, each: (add: (value: object) => Promise<void>) => Promise<void>): Promise<void> {
    let separator = `,\n  "${name}": [\n`;
    await each(async (value) => {
      await this.#write(`${separator}    ${toJson(value, true).trimEnd()}`);
      separator = ',\n';
    });
    await this.#write(separator === ',\n' ? '\n  ]' : `,\n  "${name}": []`);
  }

  #moment(side: SideName): object {
    const { environment, restorePoint, chain } = this.#reported[side];
    const { commit } = this.#reported.states[side];
    return {
      asked: describePoint(restorePoint),
      ...(chain ? { chain: chain.id } : { home: environment.home }),
      ...(commit && { lsn: commit.lsn, time: commit.time }),
    };
  }

  async #forEachDocument(
    file: FileDifference,
    see: (change: DocumentChange, documents: DocumentPair) => Promise<void>,
  ): Promise<void> {
    const { results } = this.#context;
    if (file.documents && !results.isClosed) await forEachDocument(this.#reported.states, file, this.#watch, see);
  }

  async #forEachRecord(
    file: FileDifference,
    see: (database: string | null, change: Change) => Promise<void>,
  ): Promise<void> {
    if (!this.#options.keys || file.documents || this.#context.results.isClosed) return;
    await forEachRecord(this.#reported.states, file, this.#watch, see);
  }
}

interface Summary {
  readonly files: { readonly added: number; readonly removed: number; readonly changed: number };
  readonly documents: { readonly added: number; readonly changed: number; readonly deleted: number };
  readonly records: { readonly put: number; readonly changed: number; readonly deleted: number };
}

function summaryOf(found: readonly FileDifference[]): Summary {
  const files = { added: 0, removed: 0, changed: 0 };
  const documents = { added: 0, changed: 0, deleted: 0 };
  const records = { put: 0, changed: 0, deleted: 0 };
  for (const file of found) {
    files[file.change] += 1;
    addTo(documents, file.documents);
    for (const database of file.databases) addTo(records, database.records);
  }
  return { files, documents, records };
}

function addTo<K extends string>(sums: Record<K, number>, counts: Readonly<Record<K, number>> | undefined): void {
  for (const [kind, count] of Object.entries(counts ?? {})) sums[kind as K] += count as number;
}

function summaryText(found: readonly FileDifference[]): string {
  if (found.length === 0) return 'nothing is different';
  const { files, documents, records } = summaryOf(found);
  const parts = [
    `${formatCount(found.length, 'file')}: ${countsText(files)}`,
    ...(found.some((file) => file.documents) ? [`documents: ${countsText(documents)}`] : []),
    ...(found.some((file) => !file.documents) ? [`records: ${countsText(records)}`] : []),
  ];
  return parts.join('; ');
}

function countsText(counts: Readonly<Record<string, number>>): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return some.length === 0
    ? 'none'
    : some.map(([kind, count]) => `${count.toLocaleString('en-US')} ${kind}`).join(', ');
}

function fileText({ name, was, kind, change, databases, documents }: FileDifference): string {
  const sign = change === 'changed' ? '' : `${change}: `;
  const renamed = was === undefined ? '' : `, was ${inOneLine(was)}`;
  const first = databases[0];
  const isOne = kind === 'database' && databases.length === 1 && first!.database === null;
  const what = isOne ? first!.method : kind === 'container' ? 'container' : 'databases';
  const counts = documents ?? (isOne ? first!.records! : undefined);
  const head = `${sign}${inOneLine(name)} (${what}${renamed})${counts ? `: ${countsText(counts)}` : ''}`;
  const rest = isOne ? [] : databases;
  return [
    head,
    ...rest.map(({ database, method, change: fate, records }) => {
      const label = `${database === null ? '(the file itself)' : inOneLine(database)} (${method})`;
      return `  ${fate === 'changed' ? '' : `${fate}: `}${label}${records ? `: ${countsText(records)}` : ''}`;
    }),
  ].join('\n');
}

function documentText({ kind, name, before, after }: DocumentChange): string {
  return `  ${signs[kind]} ${inOneLine(name)}  ${versionsText(before, after)}`;
}

function versionsText(before: DocumentVersion | undefined, after: DocumentVersion | undefined): string {
  if (!before || !after) return formatBytes((before ?? after)!.size);
  const isOther = before.sha256 !== after.sha256;
  const sizes =
    before.size === after.size ? formatBytes(after.size) : `${formatBytes(before.size)} -> ${formatBytes(after.size)}`;
  const what = [
    ...(isOther ? ['content'] : []),
    ...(before.metadataSha256 === after.metadataSha256 ? [] : ['metadata']),
  ];
  return `${sizes} (${what.join(', ')})`;
}

function documentFields({ kind, name, before, after }: DocumentChange): object {
  const fields = {
    change: kind,
    name,
    ...(before && { before: shown(before) }),
    ...(after && { after: shown(after) }),
  };
  if (!before || !after) return fields;
  return {
    ...fields,
    contentChanged: before.sha256 !== after.sha256,
    metadataChanged: before.metadataSha256 !== after.metadataSha256,
  };
}

function shown({ id, size, sha256 }: DocumentVersion): object {
  return { id, size, sha256 };
}

/** A unified diff of the XML, or why there is none; empty where it is the same. */
async function contentOf({ name, before, after }: DocumentChange, documents: DocumentPair): Promise<string> {
  if (before?.sha256 === after?.sha256) return '';
  const { ownCompression } = documents;
  if (ownCompression !== undefined)
    return `  it is compressed as ${ownCompression}, which only the application knows\n`;
  const largest = Math.max(before?.size ?? 0, after?.size ?? 0);
  if (largest > longestContent) return `  ${formatBytes(largest)} are too long to be shown\n`;
  const old = await textOf('from', before, documents);
  const now = await textOf('to', after, documents);
  if (old === notText || now === notText) return '  it is not UTF-8, and is not shown\n';
  const { unifiedDiff } = await import('../../output/unified-diff.ts');
  return unifiedDiff(name, old, now);
}

const notText = Symbol('not UTF-8');

async function textOf(
  side: SideName,
  version: DocumentVersion | undefined,
  documents: DocumentPair,
): Promise<string | undefined | typeof notText> {
  if (!version) return undefined;
  const pieces: Uint8Array[] = [];
  for await (const piece of documents.content(side, version)) pieces.push(piece);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(pieces));
  } catch (error) {
    if (error instanceof TypeError) return notText;
    throw error;
  }
}

function keyText(key: KeyedRecord['key']): string {
  if (typeof key === 'number') return String(key);
  return key instanceof Uint8Array ? bytesText(key) : `page ${key.pgno} slot ${key.slot}`;
}

/** As `dump --printable` prints it. */
function bytesText(bytes: Uint8Array): string {
  const text = printable(Buffer.from(bytes.subarray(0, shownLength)).toString('hex'));
  return bytes.length > shownLength ? `${text}… (${formatBytes(bytes.length)})` : text;
}

function recordText({ kind, key, before, after }: Change): string {
  const values = [before, after].filter((record) => record !== undefined).map(({ data }) => bytesText(data));
  return `  ${signs[kind]} ${keyText(key)}: ${values.join(' -> ')}`;
}

function recordFields({ kind, key, before, after }: Change): object {
  return { change: kind, key, ...(before && { before: before.data }), ...(after && { after: after.data }) };
}
