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
import { type DocumentEvent } from '../../../src/engine/history/document-events.ts';
import { readDocumentHistory } from '../../../src/engine/history/document-history.ts';
import { readHistoryOnDemand } from '../../../src/engine/history/history-on-demand.ts';
import { openLog } from '../../../src/engine/log/log-files.ts';
import { scanLog } from '../../../src/engine/log/scan.ts';
import { bodyAs } from '../../../src/engine/log/scanned-record.ts';
import { analyse } from '../../../src/engine/recovery/analysis.ts';
import { lookIntoContainer } from '../../../src/engine/recovery/look-into.ts';
import { FigaroError } from '../../../src/errors.ts';
import { commit, txnOpcode } from '../../../src/format/log/records/txn.ts';
import { compareLsn, formatLsn, type Lsn } from '../../../src/format/lsn.ts';
import { callsIn } from '../../support/command-lines.ts';
import { corpusCase } from '../../support/corpus.ts';
import { layDemoEnvironment, temporaryDirectory } from '../../support/demo-environment.ts';
import { describeNative } from '../../support/native.ts';
import { figaro } from '../../support/run-cli.ts';
import { randomNumbers } from '../../support/random-numbers.ts';
import { Session } from '../../support/session.ts';
import { ContainerWriter } from '../../support/container-writer.ts';
import { effort } from '../../support/effort.ts';

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

/** How often only those pages were recovered that documents are on, and how much had happened to these. */
const onDemand = { times: 0, events: 0 };

/** The history of a document, which has to be the same both ways. */
async function historyOf(
  files: Files,
  environment: Environment,
  container: string,
  name: string,
): Promise<readonly DocumentEvent[]> {
  const { events, covered } = await readDocumentHistory(files, environment, container, name, { watch: {} });
  const wanted = { name: container, document: name };
  const found = await readHistoryOnDemand(files, environment, wanted, { watch: {} });
  if (found) {
    expect(found).toEqual({ events, covered });
    onDemand.times += 1;
    onDemand.events += events.length;
  }
  return events;
}

const most = effort('DOCUMENTS', 1000);

async function compare(files: Files, environment: Environment, container: string, least = 0): Promise<number> {
  const moments = await momentsOf(files, environment, container);
  const names = [...new Set(moments.flatMap(({ documents }) => [...documents.keys()]))];
  expect(names.length).toBeGreaterThan(0);
  let events = 0;
  // Those with the longest histories.
  const expected = names
    .map((name) => [name, eventsIn(moments, name)] as const)
    .sort(([, a], [, b]) => b.length - a.length);
  for (const [name, wanted] of expected.slice(0, Math.max(most, least))) {
    expect((await historyOf(files, environment, container, name)).map(asText)).toEqual(wanted);
    events += wanted.length;
  }
  expect(await historyOf(files, environment, container, 'nope')).toEqual([]);
  return events;
}

describe('the history of a document is what recoveries to each commit show', () => {
  test.each(['e.dbxml', 'd.dbxml'])('in %s', async (container) => {
    const home = temporaryDirectory();
    layDemoEnvironment(home);
    expect(await compare(nodeFiles, discoverEnvironment(nodeFiles, home), container)).toBeGreaterThan(10);
  });

  test('in a hot copy, of which the pages are newer than the log begins', async () => {
    const recorded = corpusCase('dbxml-hot');
    const { files, environment } = recorded;
    expect(await compare(files, environment, 'a.dbxml')).toBeGreaterThan(4);
    recorded.forget();
  });
});

describeNative('transactions side by side', () => {
  test.each([
    ['', false],
    [', also where an index leads to the document', true],
  ])(
    'are each told what they changed, when they commit, and not what others have not committed yet%s',
    async (_, hasIndex) => {
      const home = path.join(temporaryDirectory(), 'env');
      const session = new Session(home);
      const container = new ContainerWriter(session, hasIndex);
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
        const before = onDemand.times;
        const events = await historyOf(nodeFiles, environment, 'w.dbxml', name);
        expect(onDemand.times > before).toBe(hasIndex);
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
    },
  );
});

describeNative('a transaction that goes on at the first moment there is', () => {
  test('has what others had committed by then taken for what it is', async () => {
    const home = path.join(temporaryDirectory(), 'env');
    const session = new Session(home, ['--log-max', '100000']);
    const container = new ContainerWriter(session, false);
    session.do('begin t');
    for (let id = 2; id < 80; id++) {
      container.put('t', id, `doc${id}`);
      container.write('t', id, `<first n="${id}">${'x'.repeat(60)}</first>`);
    }
    session.do('commit t', 'open z auto z.db - btree 512', 'put z auto 0 3000 40 more');
    session.do('begin a');
    container.write('a', 10, `<second>${'y'.repeat(60)}</second>`);
    session.do('begin b');
    // All on one page.
    for (const text of ['p', 'q', 'r']) container.write('b', 60, `<second>${text.repeat(60)}</second>`);
    // The checkpoint begins with the first record of the one that goes on; its commit before is the first moment.
    session.do('commit b', 'checkpoint', 'remove-logs');
    container.write('a', 11, `<second>${'y'.repeat(60)}</second>`);
    session.do('commit a', 'begin c');
    container.write('c', 60, '<third/>');
    session.do('commit c', 'flush');
    await session.die();
    const environment = discoverEnvironment(nodeFiles, home);
    const moments = await momentsOf(nodeFiles, environment, 'w.dbxml');
    const { txnId } = moments[0]!;
    expect(moments.map((moment) => moment.txnId - txnId)).toEqual([0, -1, 1]);
    const kinds: Record<string, string[]> = {};
    for (const name of ['doc10', 'doc11', 'doc60', 'doc61']) {
      const events = await historyOf(nodeFiles, environment, 'w.dbxml', name);
      expect(events.map(asText)).toEqual(eventsIn(moments, name));
      kinds[name] = events.map(({ kind }) => kind);
    }
    const changed = ['there', 'changed'];
    expect(kinds).toEqual({ doc10: changed, doc11: changed, doc60: changed, doc61: ['there'] });
  });
});

describeNative('random transactions', () => {
  const firstSeed = Number(process.env.FIRST_SEED ?? 1);

  test.each(Array.from({ length: effort('SEEDS', 8) }, (_, i) => firstSeed + i))('of seed %i', async (seed) => {
    const home = path.join(temporaryDirectory(), 'env');
    const session = new Session(home);
    const container = new ContainerWriter(session, true);
    const below = randomNumbers(seed);
    const names = new Map<number, string>();
    const unused = (): string | undefined => {
      const name = `doc${below(30)}`;
      return [...names.values()].includes(name) ? undefined : name;
    };
    const change = (txn: string): void => {
      const ids = [...names.keys()];
      const id = ids[below(ids.length)];
      const name = unused();
      const what = below(10);
      if (what < 3 && id !== undefined) container.write(txn, id, `<doc>${'x'.repeat(below(400))}</doc>`);
      else if (what < 5 && id !== undefined) {
        container.remove(txn, id);
        names.delete(id);
      } else if (what < 6 && id !== undefined && name !== undefined) {
        container.put(txn, id, name);
        names.set(id, name);
      } else if (name !== undefined) {
        const added = 2 + below(200);
        if (names.has(added)) return;
        container.put(txn, added, name);
        container.write(txn, added, `<doc>${'y'.repeat(below(400))}</doc>`);
        names.set(added, name);
      }
    };
    for (let i = 0; i < effort('TRANSACTIONS', 150); i++) {
      session.do('begin t');
      const [before, indexed] = [new Map(names), container.names];
      for (let j = below(5); j >= 0; j--) change('t');
      const isLost = below(6) === 0;
      session.do(isLost ? 'abort t' : 'commit t');
      if (isLost) {
        names.clear();
        for (const [id, name] of before) names.set(id, name);
        container.names = indexed;
      }
      if (below(10) === 0) session.do('checkpoint');
    }
    session.do('flush');
    await session.die();
    const before = onDemand.times;
    const environment = discoverEnvironment(nodeFiles, home);
    expect(await compare(nodeFiles, environment, 'w.dbxml', 8)).toBeGreaterThan(10);
    expect(onDemand.times - before).toBeGreaterThan(8);
  });
});
