import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { DatabaseFile } from '../../src/engine/database/database-file.ts';
import { XmlContainer } from '../../src/engine/documents/container.ts';
import { type DocumentEntry } from '../../src/engine/documents/metadata.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { lastField } from '../../src/engine/seal.ts';
import { problemOf } from '../support/json-schema.ts';
import { fixtureCase } from '../support/document-collection.ts';
import { callsIn } from '../support/command-lines.ts';
import { layDemoEnvironment, temporaryDirectory } from '../support/demo-environment.ts';
import { corpusCase } from '../support/corpus.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';

const documents = (...args: readonly string[]): Promise<CliResult> => figaro(['documents', ...args]);

function containerOf(name: string, container: string): string {
  return path.join(fixtureCase(name).home, container);
}

/** A container in which some bytes are others, wherever they stand. */
function changed(file: string, from: string | Uint8Array, to: string | Uint8Array): string {
  const bytes = fs.readFileSync(file);
  const wanted = Buffer.from(from as string);
  const instead = Buffer.from(to as string);
  expect(instead).toHaveLength(wanted.length);
  let found = 0;
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) {
    instead.copy(bytes, at);
    found += 1;
  }
  expect(found).toBeGreaterThan(0);
  fs.writeFileSync(file, bytes);
  return file;
}

interface Written {
  readonly documents: readonly {
    readonly id: number;
    readonly name?: string;
    readonly file?: string;
    readonly problem?: string;
    readonly size?: number;
  }[];
}

function indexOf(directory: string): Written {
  return JSON.parse(fs.readFileSync(path.join(directory, 'documents.json'), 'utf8')) as Written;
}

describe('documents list', () => {
  test('has names, sizes and metadata with types', async () => {
    const { stdout, exitCode } = await documents('list', containerOf('meta', 'node.dbxml'), 'meta-0?', 'meta-all');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('       8 B  meta-03\n              m3 = 77 (double)\n');
    expect(stdout).toContain('{http://example.org/meta}m7 = 123456789012345678901234567890.5 (decimal)');
    expect(stdout).toContain(' documents, ');
    expect(stdout).not.toContain('meta-10');
  });

  test('is a document a line with --json', async () => {
    const { stdout } = await documents('list', containerOf('meta', 'doc.dbxml'), '--metadata', 'm3=7*', '--json');
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toMatchObject([{ name: 'meta-03', size: 8, command: 'documents list' }]);
    for (const line of lines) expect(problemOf(line)).toBeUndefined();
  });

  test('does not read nodes where sizes are not wanted', async () => {
    const { stdout } = await documents('list', containerOf('ds', 'node.dbxml'), '--no-sizes');
    expect(stdout).toMatch(/^ {9}- {2}d-0-120$/m);
    expect(stdout).toMatch(/^28 documents$/m);
  });

  test('finds documents by a full name of metadata', async () => {
    const file = containerOf('meta', 'node.dbxml');
    const named = await documents('list', file, '--metadata', '{http://example.org/meta}m1=2');
    expect(named.stdout).toContain('meta-01\n');
    const other = await documents('list', file, '--metadata', '{http://example.org/other}m1=2');
    expect(other.stdout).toBe('0 documents, 0 B\n');
  });
});

describe('documents get', () => {
  test('prints documents byte for byte, in the order in which they were named', async () => {
    const { home } = fixtureCase('edge');
    const read = (name: string): string => {
      const all = JSON.parse(fs.readFileSync(path.join(home, '../documents.json'), 'utf8')) as {
        documents: { container: string; name: string; bytes: number }[];
      };
      return String(all.documents.find((one) => one.container === 'node.dbxml' && one.name === name)!.bytes);
    };
    const one = await documents('get', path.join(home, 'node.dbxml'), 'attr-only');
    const two = await documents('get', path.join(home, 'node.dbxml'), 'dtd-all', 'attr-only');
    expect(String(Buffer.byteLength(one.stdout))).toBe(read('attr-only'));
    expect(two.stdout.endsWith(one.stdout)).toBe(true);
    expect(String(Buffer.byteLength(two.stdout) - Buffer.byteLength(one.stdout))).toBe(read('dtd-all'));
  });

  test('writes all documents, and says which file is which', async () => {
    const output = path.join(temporaryDirectory(), 'out');
    const { stdout, exitCode } = await documents('get', containerOf('meta', 'node.dbxml'), '--output', output);
    expect({ stdout, exitCode }).toEqual({ stdout: `61 documents, 416 B, in ${output}\n`, exitCode: 0 });
    const index = indexOf(output).documents;
    expect(index).toHaveLength(61);
    expect(fs.readdirSync(output).sort()).toEqual(['documents.json', ...index.map(({ file }) => file!)].sort());
    for (const { file, size } of index) expect(fs.statSync(path.join(output, file!)).size).toBe(size);
    expect(index.find(({ name }) => name === 'dir/x.xml')?.file).toBe('dir_x-40.xml');
    const again = await documents('get', containerOf('meta', 'node.dbxml'), '--output', output);
    expect(again.exitCode).toBe(6);
    expect(again.stderr).toContain('error [target-not-empty]');
  });

  test('names a document that there is not, and writes nothing', async () => {
    const output = path.join(temporaryDirectory(), 'out');
    const file = containerOf('ds', 'doc.dbxml');
    const { stderr, exitCode } = await documents('get', file, 'd-0-120', 'nope*', '--output', output);
    expect({ stderr, exitCode }).toEqual({
      stderr: expect.stringContaining(`error [document-missing]: ${file} holds no document nope*\n`) as string,
      exitCode: 3,
    });
    expect(fs.existsSync(output)).toBe(false);
    expect(fs.readdirSync(path.dirname(output))).toEqual([]);
  });

  test('asks for a name, or for a directory', async () => {
    const none = await documents('get', containerOf('ds', 'doc.dbxml'));
    expect(none.stderr).toContain('error [usage]: no document is named');
    const json = await documents('get', containerOf('ds', 'doc.dbxml'), 'd-0-120', '--json');
    expect(json.exitCode).toBe(2);
  });

  test('refuses what only the application can read, by name', async () => {
    const { stdout, stderr, exitCode } = await documents('get', containerOf('custom', 'xor.dbxml'), '*');
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 3 });
    for (const name of ['mixed', 'decl-utf8', 'dtd-all'])
      expect(stderr).toContain(`document ${name} is compressed as XOR`);
    expect(stderr).toContain('; 2 more could not be read');
  });

  test('prints true namespaces where the library cuts them, with a warning', async () => {
    const { stdout, stderr, exitCode } = await documents('get', containerOf('collide', 'node.dbxml'), 'c2', 'c4');
    expect({ stdout, exitCode }).toEqual({
      stdout: '<y xmlns="urn:coll" xmlns:p="b:c:d"><p:z p:a="1"/></y><w xmlns="http:coll" xmlns:q="urn:coll" q:a="1"/>',
      exitCode: 0,
    });
    expect(stderr).toContain('document c2: the library prints a namespace of it wrongly');
  });

  test('prints what the library left behind or never ends to read, with a warning', async () => {
    const { stdout, stderr, exitCode } = await documents('get', containerOf('odd', 'node.dbxml'), 's28-d4');
    expect({ stdout, exitCode }).toEqual({
      stdout:
        '<!DOCTYPE a [<!ENTITY x "X&y;X"><!ENTITY y "<b>Y&z;Y</b>"><!ENTITY z "Z">]><ren-2>&x;&y;3&z;new &lt;value> 463</ren-2>',
      exitCode: 0,
    });
    expect(stderr).toContain('starts and ends of its entities do not belong together');
  });

  test('of an encrypted container needs its password', async () => {
    const { home, password } = fixtureCase('crypt');
    const passwordFile = path.join(temporaryDirectory(), 'password');
    fs.writeFileSync(passwordFile, password!);
    const file = path.join(home, 'node.dbxml');
    expect((await documents('get', file, 'dtd-all')).exitCode).toBe(10);
    const { stdout } = await documents('get', file, 'dtd-all', '--password-file', passwordFile);
    expect(Buffer.byteLength(stdout)).toBe(1216);
  });

  test('of another database file says that it holds no documents', async () => {
    const { stderr, exitCode } = await documents('get', path.join(corpusCase('btree-48-hot').backup, 'a.db'), 'x');
    expect(exitCode).toBe(3);
    expect(stderr).toContain('error [container-missing]');
  });

  test('of a container of another version names the version', async () => {
    const file = containerOf('ds', 'node.dbxml');
    // Lengths and types of items stand before them.
    changed(file, '\u0002\0\u00016\0', '\u0002\0\u00015\0');
    const { stderr, exitCode } = await documents('get', file, 'd-0-120');
    expect({ stderr, exitCode }).toEqual({
      stderr: expect.stringContaining('is a container of version 5, not 6') as string,
      exitCode: 3,
    });
  });
});

describe('as of a restore point, documents are those that were there then', () => {
  test('of a chain, of plain copies and of an environment', async () => {
    const { backup } = corpusCase('dbxml-pitr');
    const directory = temporaryDirectory();
    const home = path.join(directory, 'env');
    const repo = path.join(directory, 'repo');
    fs.cpSync(backup, home, { recursive: true });
    expect((await figaro(['hot', '--home', home, '--repo', repo])).exitCode).toBe(0);
    const timeline = await figaro(['logs', 'timeline', '--repo', repo, '--json']);
    const { largest } = JSON.parse(timeline.stdout) as { largest: { previous?: { lsn: string } }[] };
    const lsn = largest.find(({ previous }) => previous)!.previous!.lsn;
    const before = namesIn(repo);
    for (const point of [[], ['--to-lsn', lsn]]) {
      const target = path.join(directory, `recovered${point.length}`);
      expect((await figaro(['recover', '--repo', repo, '--to', target, ...point])).exitCode).toBe(0);
      for (const container of ['d.dbxml', 'e.dbxml']) {
        const expected = await documents('list', path.join(target, container));
        expect(expected.exitCode).toBe(0);
        for (const source of [
          ['--repo', repo],
          ['--from', home],
          ['--home', home],
        ]) {
          expect(await documents('list', container, ...source, ...point)).toEqual(expected);
        }
      }
    }
    expect(namesIn(repo)).toEqual(before);
  });

  function namesIn(directory: string): readonly string[] {
    return fs.readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  }

  test('and a container that was not there then is missing', async () => {
    const { stderr, exitCode } = await documents('list', 'x.dbxml', '--from', corpusCase('dbxml-pitr').backup);
    expect(exitCode).toBe(3);
    expect(stderr).toContain('there are: d.dbxml, e.dbxml');
  });

  test('a file without one, and no source, is told apart', async () => {
    const { stderr } = await documents('list', 'x.dbxml');
    expect(stderr).toContain('error [container-missing]: x.dbxml is not there');
    expect(stderr).toContain('--repo, --home or --from');
  });
});

describe('a document that is looked up in a chain', () => {
  const container = 'd.dbxml';

  /** A chain, a document in it, and what is read of the container to print that. */
  async function chainWith(): Promise<{ repo: string; set: string; name: string; xml: string; pgno: number }> {
    const directory = temporaryDirectory();
    const repo = path.join(directory, 'repo');
    const target = path.join(directory, 'recovered');
    expect((await figaro(['hot', '--home', corpusCase('dbxml-pitr').backup, '--repo', repo])).exitCode).toBe(0);
    expect((await figaro(['recover', '--repo', repo, '--to', target])).exitCode).toBe(0);
    const set = fs.readdirSync(repo).find((one) => one.includes('-hot-'))!;
    const read = new Set<number>();
    const file = new DatabaseFile(nodeFiles, path.join(target, container), (pgno) => read.add(pgno));
    const opened = new XmlContainer(file, {});
    const names: string[] = [];
    for await (const entry of opened.entries()) names.push(entry.name!);
    file.close();
    const name = names.at(-1)!;
    read.clear();
    const again = new DatabaseFile(nodeFiles, path.join(target, container), (pgno) => read.add(pgno));
    const parts: Uint8Array[] = [];
    const lookedUp = new XmlContainer(again, {});
    for (const entry of lookedUp.entriesNamed([name])) {
      for await (const piece of lookedUp.content(entry, () => {})) parts.push(piece.slice());
    }
    again.close();
    const { pageSize } = again.format;
    const [copied, recovered] = [path.join(repo, set, 'environment', container), path.join(target, container)].map(
      (one) => fs.readFileSync(one),
    );
    const pageOf = (bytes: Buffer, pgno: number): Buffer => bytes.subarray(pgno * pageSize, (pgno + 1) * pageSize);
    const pgno = Array.from({ length: copied!.length / pageSize }, (_, i) => i).find(
      (i) => !read.has(i) && !pageOf(copied!, i).equals(pageOf(recovered!, i)),
    )!;
    return { repo, set, name, xml: Buffer.concat(parts).toString(), pgno };
  }

  /** Makes a page of the copy older than the log reaches back. */
  function damage(repo: string, set: string, pgno: number): void {
    const file = path.join(repo, set, 'environment', container);
    const copied = new DatabaseFile(nodeFiles, file);
    copied.close();
    const opened = fs.openSync(file, 'r+');
    fs.writeSync(opened, Buffer.of(1, 0, 0, 0, 30, 0, 0, 0), 0, 8, pgno * copied.format.pageSize);
    fs.closeSync(opened);
  }

  test('is printed whatever is on pages that others are on', async () => {
    const { repo, set, name, xml, pgno } = await chainWith();
    damage(repo, set, pgno);
    expect(await documents('get', container, name, '--repo', repo)).toMatchObject({ stdout: xml, exitCode: 0 });
    const all = await documents('get', container, '*', '--repo', repo);
    expect(all).toMatchObject({ stdout: '', exitCode: 4 });
  });

  test('of which nobody has proven that it can be recovered is recovered with all of its container', async () => {
    const { repo, set, name, xml, pgno } = await chainWith();
    const manifest = path.join(repo, set, 'manifest.json');
    const { proof: _, ...rest } = JSON.parse(lastField.open(fs.readFileSync(manifest, 'utf8'))!) as { proof: object };
    fs.writeFileSync(manifest, lastField.close(JSON.stringify(rest, undefined, 2)));
    expect(await documents('get', container, name, '--repo', repo)).toMatchObject({ stdout: xml, exitCode: 0 });
    damage(repo, set, pgno);
    const { stdout, stderr, exitCode } = await documents('get', container, name, '--repo', repo);
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 4 });
    expect(stderr).toContain(`page ${pgno}`);
  });

  test('that is not there is missed by name, and one that is damaged is told as by a recovery of everything', async () => {
    const { repo, set, name } = await chainWith();
    const missing = await documents('get', container, `${name}.not`, '--repo', repo);
    expect(missing.stderr).toContain(`error [document-missing]: ${container} holds no document ${name}.not`);
    damage(repo, set, 0);
    const damaged = await documents('get', container, name, '--repo', repo);
    expect({ stdout: damaged.stdout, exitCode: damaged.exitCode }).toEqual({ stdout: '', exitCode: 4 });
  });

  test('has its metadata, size and file by --metadata and --output, too', async () => {
    const { repo, name, xml } = await chainWith();
    const output = path.join(temporaryDirectory(), 'out');
    expect((await documents('get', container, name, '--repo', repo, '--output', output)).exitCode).toBe(0);
    const [written] = indexOf(output).documents;
    expect(fs.readFileSync(path.join(output, written!.file!), 'utf8')).toBe(xml);
    const listed = await documents('list', container, name, '--repo', repo);
    const all = await documents('list', container, `${name.slice(0, -1)}?`, '--repo', repo);
    expect(all.stdout).toContain(listed.stdout.split('\n')[0]!);
    const other = await documents('list', container, name, '--repo', repo, '--metadata', 'none=1');
    expect(other.stderr).toContain(`holds no document ${name}`);
  });
});

describe('stops when it is told to, and leaves nothing,', () => {
  const stopped = async (...args: readonly string[]): Promise<CliResult> => {
    // The next pause is due.
    await setTimeout(50);
    return figaro(['documents', ...args], { signal: AbortSignal.abort('SIGINT') });
  };

  test('while documents that are stored whole are written', async () => {
    const output = path.join(temporaryDirectory(), 'out');
    const { exitCode, stderr } = await stopped('get', containerOf('ds', 'doc.dbxml'), '--output', output);
    expect({ exitCode, stderr }).toEqual({ exitCode: 130, stderr: expect.stringContaining('interrupted') as string });
    expect(fs.readdirSync(path.dirname(output))).toEqual([]);
  });

  test('while documents are passed over that nobody asked for', async () => {
    expect((await stopped('list', containerOf('ds', 'doc.dbxml'), 'nope*')).exitCode).toBe(130);
  });

  test('inside of a document that is stored whole', async () => {
    const file = new DatabaseFile(nodeFiles, containerOf('ds', 'doc.dbxml'));
    const stop = new AbortController();
    const container = new XmlContainer(file, { signal: stop.signal });
    const { value: entry } = await container.entries().next();
    stop.abort();
    await setTimeout(50);
    const content = container.content(entry as DocumentEntry, () => {});
    await expect(content.next()).rejects.toMatchObject({ code: 'interrupted' });
    file.close();
  });
});

describe('a hostile container', () => {
  test('has no document written outside of the directory, or over another', async () => {
    const file = containerOf('ds', 'doc.dbxml');
    changed(file, 'd-0-120', '../../x');
    changed(file, 'd-10-1', 'A/../.');
    changed(file, 'd-11-1', '\u001b[2J\n\r');
    changed(file, 'd-12-1', 'NUL.xm');
    changed(file, 'd-15-1', 'nul.XM');
    changed(file, 'd-16-1', '..... ');
    const directory = temporaryDirectory();
    const output = path.join(directory, 'a', 'out');
    const { exitCode, stdout, stderr } = await documents('get', file, '--output', output);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain('28 documents');
    expect(fs.readdirSync(directory)).toEqual(['a']);
    expect(fs.readdirSync(path.join(directory, 'a'))).toEqual(['out']);
    const files = indexOf(output).documents.map((one) => one.file!);
    expect(new Set(files.map((name) => name.toLowerCase())).size).toBe(28);
    expect(files.filter((name) => name.startsWith('_') || name.includes('_-'))).toEqual([
      '_._.._x-3',
      'A_..__-132',
      '__2J__-133',
      '_NUL-134.xm',
      '_nul-16385.XM',
      '__-16386',
    ]);
    for (const name of files) expect(name).toMatch(/^[\w][\w.-]*[\w]$/);
    const { stdout: listed } = await documents('list', file);
    // oxlint-disable-next-line no-control-regex
    expect(listed).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
  });

  test('whose compressed documents are larger than they say is refused, and the rest comes', async () => {
    const file = containerOf('nozlib', 'zip.dbxml');
    // 1219 bytes, which are said to be 1218, and 1220.
    for (const [length, problem] of [
      [[0x84, 0xc2], 'it is compressed from more than the 1218 bytes it says'],
      [[0x84, 0xc4], 'it is compressed from 1219 bytes, and says 1220'],
    ] as const) {
      const copy = `${file}.${length[1]}`;
      fs.copyFileSync(file, copy);
      changed(copy, Uint8Array.of(0x84, 0xc3), Uint8Array.from(length));
      const output = path.join(temporaryDirectory(), 'out');
      const { exitCode, stderr, stdout } = await documents('get', copy, '--output', output);
      expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: expect.stringContaining('2 documents') as string });
      expect(stderr).toContain(`document zipped2 is damaged: ${problem}`);
      const refused = indexOf(output).documents.filter(({ problem: why }) => why !== undefined);
      expect(refused).toMatchObject([{ name: 'zipped2' }]);
      expect(refused[0]!.file).toBeUndefined();
    }
  });

  test('with a damaged page has the documents of all others', async () => {
    const file = containerOf('edge', 'doc.dbxml');
    const bytes = fs.readFileSync(file);
    const pageSize = bytes.readUInt32LE(20);
    const at = bytes.indexOf('met adipiscing ipsum &gt; amet ] &lt; ] ipsum');
    const page = at - (at % pageSize);
    bytes.fill(0xff, page + 20, page + 40);
    fs.writeFileSync(file, bytes);
    const output = path.join(temporaryDirectory(), 'out');
    const { exitCode, stderr, stdout } = await documents('get', file, '--output', output);
    expect(exitCode).toBe(4);
    expect(stdout).toContain('75 documents');
    expect(stderr).toMatch(/error \[page-type\]: .*: document long-text is damaged: .*page \d+/);
    const listed = await documents('list', file, '--json');
    const last = JSON.parse(listed.stdout.trimEnd().split('\n').at(-1)!) as object;
    expect(last).toMatchObject({ error: { code: 'page-type', exitCode: 4 } });
  });

  test('does not say that there is no such document when it may be on a damaged page', async () => {
    const file = containerOf('ds', 'doc.dbxml');
    const bytes = fs.readFileSync(file);
    const pageSize = bytes.readUInt32LE(20);
    const at = bytes.indexOf('d-10-1\0');
    const page = at - (at % pageSize);
    bytes.fill(0xff, page + 20, page + 40);
    fs.writeFileSync(file, bytes);
    const { exitCode, stdout, stderr } = await documents('get', file, 'd-10-1');
    expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: '' });
    expect(stderr).toContain(`error [page-type]: ${file} holds no document d-10-1 that can be found: `);
  });

  test('in which a name is lost does not pass for one without such a document', async () => {
    const file = containerOf('ds', 'doc.dbxml');
    // The name of the document with id 132 becomes a value of binary type.
    changed(file, Uint8Array.of(0x80, 0x84, 1, 29), Uint8Array.of(0x80, 0x84, 1, 40));
    const lost = 'the document with id 132 is damaged: its name is lost';
    const one = await documents('get', file, 'd-10-1');
    expect({ exitCode: one.exitCode, stdout: one.stdout }).toEqual({ exitCode: 4, stdout: '' });
    expect(one.stderr).toContain(`holds no document d-10-1 that can be found: ${file}: ${lost}`);
    const listed = await documents('list', file, 'd-1?-1');
    expect(listed).toMatchObject({ exitCode: 4, stdout: expect.stringContaining('5 documents') as string });
    expect(listed.stderr).toContain(lost);
    const output = path.join(temporaryDirectory(), 'out');
    const written = await documents('get', file, 'd-1?-1', '--output', output);
    expect(written).toMatchObject({ exitCode: 4, stdout: expect.stringContaining('5 documents') as string });
    expect(written.stderr).toContain(lost);
    const printed = await documents('get', file, 'd-11-?', 'd-1?-1');
    expect(printed.exitCode).toBe(4);
    expect(printed.stderr.split(lost)).toHaveLength(2);
    // No two documents have one name.
    expect(await documents('get', file, 'd-11-1', 'd-12-1')).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('in which a value of metadata is lost does not pass for one without such a document', async () => {
    const file = changed(containerOf('meta', 'node.dbxml'), 'm3\0\0', 'm3xx');
    const { exitCode, stdout, stderr } = await documents('list', file, '--metadata', 'm3=77');
    expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: '0 documents, 0 B\n' });
    expect(stderr).toMatch(/document meta-03 is damaged: its metadata: name \d+ is not in the dictionary/);
    const other = await documents('list', file, 'meta-01', '--metadata', '{http://example.org/meta}m1=2');
    expect(other).toMatchObject({ exitCode: 0, stderr: '' });
  });
});

test('output inside of what is only read is refused', async () => {
  const { home } = fixtureCase('ds');
  const inside = path.join(home, 'out');
  const { stderr, exitCode } = await documents('get', 'doc.dbxml', '--home', home, '--output', inside);
  expect(exitCode).toBe(2);
  expect(stderr).toContain('lies inside the environment');
});

describe('documents history', () => {
  test('comes with commands that get each version back', async () => {
    const home = path.join(temporaryDirectory(), 'env');
    layDemoEnvironment(home);
    const { stdout, exitCode } = await documents('history', 'e.dbxml', 'doc00001-é海', '--home', home, '--json');
    expect(exitCode).toBe(0);
    const { events } = JSON.parse(stdout) as { events: { change: string; command?: string; sha256?: string }[] };
    expect(events.map(({ change }) => change)).toEqual(['put', 'changed', 'changed', 'changed', 'changed']);
    for (const { command, sha256 } of events) {
      const [words] = callsIn(command!);
      const version = await figaro(words!);
      expect(createHash('sha256').update(version.stdout).digest('hex')).toBe(sha256);
    }
    const text = await documents('history', 'e.dbxml', 'doc00001-é海', '--home', home);
    for (const { command } of events) expect(text.stdout).toContain(`\n  ${command}\n`);
  });

  test('refuses what it has nothing to tell of, by name', async () => {
    const home = path.join(temporaryDirectory(), 'env');
    layDemoEnvironment(home);
    const never = await documents('history', 'e.dbxml', 'nope', '--home', home);
    expect(never.exitCode).toBe(3);
    expect(never.stderr).toMatch(
      /error \[document-missing\]: e\.dbxml never held a document nope from 2026-\S+ \[1\]\[97688\] to/,
    );
    const container = await documents('history', 'f.dbxml', 'nope', '--home', home);
    expect(container.stderr).toContain('error [container-missing]: f.dbxml is neither in this log nor beside it\n');
    const recorded = corpusCase('ds-53');
    const [plain] = fs.readdirSync(recorded.backup).filter((name) => name.endsWith('.db'));
    expect((await documents('history', plain!, 'nope', '--home', recorded.backup)).stderr).toContain(
      'error [log-missing]',
    );
    recorded.forget();
    const other = corpusCase('btree-recnum-53-logs');
    const [database] = fs.readdirSync(other.backup).filter((name) => name.endsWith('.db'));
    const name = database ?? 'bt.db';
    expect((await documents('history', name, 'nope', '--from', other.backup)).stderr).toContain(
      'error [container-missing]',
    );
    other.forget();
  });
});
