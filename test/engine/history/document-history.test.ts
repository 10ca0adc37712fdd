/** The history of a document in one pass is what a recovery to each commit shows. */

import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { DatabaseFile } from '../../../src/engine/database/database-file.ts';
import { XmlContainer } from '../../../src/engine/documents/container.ts';
import { versionOf, type DocumentVersion } from '../../../src/engine/documents/version.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { logPaths, type Environment } from '../../../src/engine/environment/environment.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { readDocumentHistory, type DocumentEvent } from '../../../src/engine/history/document-history.ts';
import { openLog } from '../../../src/engine/log/log-files.ts';
import { scanLog } from '../../../src/engine/log/scan.ts';
import { bodyAs } from '../../../src/engine/log/scanned-record.ts';
import { analyse } from '../../../src/engine/recovery/analysis.ts';
import { lookIntoContainer } from '../../../src/engine/recovery/look-into.ts';
import { FigaroError } from '../../../src/errors.ts';
import { documentKey } from '../../../src/format/documents/metadata.ts';
import { commit, txnOpcode } from '../../../src/format/log/records/txn.ts';
import { compareLsn, formatLsn, type Lsn } from '../../../src/format/lsn.ts';
import { callsIn } from '../../support/command-lines.ts';
import { corpusCase } from '../../support/corpus.ts';
import { layDemoEnvironment, temporaryDirectory } from '../../support/demo-environment.ts';
import { describeNative } from '../../support/native.ts';
import { figaro } from '../../support/run-cli.ts';
import { Session } from '../../support/session.ts';
import { effort, isLongRun, sampled } from '../../support/effort.ts';

interface Moment {
  readonly lsn: Lsn;
  readonly txnId: number;
  readonly documents: ReadonlyMap<string, DocumentVersion>;
}

/** All documents of a container at each commit that can be recovered to. */
async function momentsOf(files: Files, environment: Environment, container: string): Promise<Moment[]> {
  const log = openLog(files, logPaths(environment));
  const { commits } = await analyse(files, log, { kind: 'end' }, {}, { environment });
  const { first } = commits.window;
  const found: Moment[] = [];
  for (const record of scanLog(files, log)) {
    if (bodyAs(record, commit)?.opcode !== txnOpcode.commit || compareLsn(record.lsn, first!.lsn) < 0) continue;
    const { lsn, txnId } = record;
    found.push({ lsn, txnId, documents: await documentsAt(files, environment, container, lsn) });
  }
  return found;
}

async function documentsAt(
  files: Files,
  environment: Environment,
  container: string,
  lsn: Lsn,
): Promise<ReadonlyMap<string, DocumentVersion>> {
  const documents = new Map<string, DocumentVersion>();
  try {
    await lookIntoContainer(
      files,
      environment,
      container,
      { restorePoint: { kind: 'lsn', lsn }, watch: {} },
      async (seen) => {
        const opened = new DatabaseFile(seen.files, seen.path);
        const xml = new XmlContainer(opened, {});
        for await (const entry of xml.entries()) documents.set(entry.name!, await versionOf(xml, entry));
        opened.close();
      },
    );
  } catch (error) {
    if (!(error instanceof FigaroError) || error.code !== 'container-missing') throw error;
  }
  return documents;
}

const asText = ({ kind, lsn, txnId, version }: Pick<DocumentEvent, 'kind' | 'lsn' | 'txnId' | 'version'>): string =>
  [kind, formatLsn(lsn), txnId?.toString(16), version?.id, version?.size, version?.sha256].join(' ');

function eventsIn(moments: readonly Moment[], name: string): string[] {
  const events: string[] = [];
  let before: DocumentVersion | undefined;
  for (const [i, { lsn, txnId, documents }] of moments.entries()) {
    const version = documents.get(name);
    const isSame = before?.sha256 === version?.sha256 && before?.metadataSha256 === version?.metadataSha256;
    if (!isSame) {
      const kind = i === 0 ? 'there' : !before ? 'put' : !version ? 'deleted' : 'changed';
      events.push(asText({ kind, lsn, txnId: i === 0 ? undefined : txnId, version }));
    }
    before = version;
  }
  return events;
}

const most = effort('DOCUMENTS', 3, 1000);

async function compare(files: Files, environment: Environment, container: string): Promise<number> {
  const moments = await momentsOf(files, environment, container);
  const names = [...new Set(moments.flatMap(({ documents }) => [...documents.keys()]))];
  expect(names.length).toBeGreaterThan(0);
  let events = 0;
  // Those with the longest histories.
  const expected = names
    .map((name) => [name, eventsIn(moments, name)] as const)
    .sort(([, a], [, b]) => b.length - a.length);
  for (const [name, wanted] of expected.slice(0, most)) {
    const found = await readDocumentHistory(files, environment, container, name, { watch: {} });
    expect(found.events.map(asText)).toEqual(wanted);
    events += wanted.length;
  }
  expect(await readDocumentHistory(files, environment, container, 'nope', { watch: {} })).toMatchObject({ events: [] });
  return events;
}

describe('the history of a document is what recoveries to each commit show', () => {
  test.each(sampled(['e.dbxml', 'd.dbxml'], 2))('in %s', async (container) => {
    const home = temporaryDirectory();
    layDemoEnvironment(home);
    expect(await compare(nodeFiles, discoverEnvironment(nodeFiles, home), container)).toBeGreaterThan(10);
  });

  test.runIf(isLongRun)('in a hot copy, of which the pages are newer than the log begins', async () => {
    const recorded = corpusCase('dbxml-hot');
    const { files, environment } = recorded;
    expect(await compare(files, environment, 'a.dbxml')).toBeGreaterThan(4);
    recorded.forget();
  });
});

/** Writes what a container of whole documents consists of, with the library of Berkeley DB alone. */
class ContainerWriter {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
    for (const name of ['secondary_configuration', 'secondary_document', 'content_document']) {
      session.do(`open ${name} auto w.dbxml ${name} btree 512`);
    }
    session.do('open primary_dictionary auto w.dbxml primary_dictionary recno 512');
    const settings = { version: '6', ctype: 'doc', compression_name: 'NONE' };
    session.do('begin s');
    for (const [key, value] of Object.entries(settings)) {
      session.do(`put-bytes secondary_configuration s ${hex(`${key}\0`)} ${hex(`${value}\0`)}`);
    }
    session.do('commit s');
  }

  put(txn: string, id: number, name: string): void {
    this.#session.do(`put-bytes secondary_document ${txn} ${hex(nameKey(id))} ${hex(`${name}\0`)}`);
  }

  write(txn: string, id: number, xml: string): void {
    this.#session.do(`put-bytes content_document ${txn} ${hex(documentKey(id))} ${hex(xml)}`);
  }

  remove(txn: string, id: number): void {
    this.#session.do(`delete-bytes secondary_document ${txn} ${hex(nameKey(id))}`);
    this.#session.do(`delete-bytes content_document ${txn} ${hex(documentKey(id))}`);
  }
}

const hex = (text: string | Uint8Array): string => Buffer.from(text as string).toString('hex');
const nameKey = (id: number): Uint8Array => Buffer.concat([documentKey(id), Uint8Array.of(1, 29)]);

describeNative('transactions side by side', () => {
  test('are each told what they changed, when they commit, and not what others have not committed yet', async () => {
    const home = path.join(temporaryDirectory(), 'env');
    const session = new Session(home);
    const container = new ContainerWriter(session);
    session.do('begin t');
    for (let id = 2; id < 80; id++) {
      container.put('t', id, `doc${id}`);
      container.write('t', id, `<first n="${id}">${'x'.repeat(60)}</first>`);
    }
    session.do('commit t', 'checkpoint', 'begin a', 'begin b');
    // On pages with the name of one and the XML of the other: none of both has committed.
    container.put('a', 10, 'new name');
    container.write('b', 10, `<second>${'y'.repeat(60)}</second>`);
    session.do('begin c');
    container.write('c', 60, `<second>${'z'.repeat(60)}</second>`);
    session.do('commit c', 'commit b');
    container.put('a', 11, 'other name');
    session.do('begin d');
    container.remove('d', 60);
    session.do('commit d', 'commit a', 'begin e');
    container.put('e', 100, 'doc60');
    container.write('e', 100, '<third/>');
    session.do('begin f');
    container.write('f', 30, `<lost>${'y'.repeat(60)}</lost>`);
    session.do('abort f', 'commit e', 'flush');
    session.do('begin g');
    container.put('g', 101, '-n');
    container.write('g', 101, '<hyphen/>');
    session.do('commit g', 'flush');
    await session.die();
    const environment = discoverEnvironment(nodeFiles, home);
    const moments = await momentsOf(nodeFiles, environment, 'w.dbxml');
    const kinds: Record<string, string[]> = {};
    for (const name of ['doc10', 'new name', 'doc11', 'other name', 'doc60', 'doc30', 'doc61']) {
      const { events } = await readDocumentHistory(nodeFiles, environment, 'w.dbxml', name, { watch: {} });
      expect(events.map(asText)).toEqual(eventsIn(moments, name));
      kinds[name] = events.map(({ kind }) => kind);
    }
    expect(kinds).toEqual({
      doc10: ['put', 'changed', 'deleted'],
      'new name': ['put'],
      doc11: ['put', 'deleted'],
      'other name': ['put'],
      doc60: ['put', 'changed', 'deleted', 'put'],
      doc30: ['put'],
      doc61: ['put'],
    });
    // What is printed can be typed, whatever a document is called.
    const told = await figaro(['documents', 'history', '--home', home, '--json', '--', 'w.dbxml', '-n']);
    const { events } = JSON.parse(told.stdout) as { events: { command: string }[] };
    expect(events).toHaveLength(1);
    expect((await figaro(callsIn(events[0]!.command)[0]!)).stdout).toBe('<hyphen/>');
  });
});
