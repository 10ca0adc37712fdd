/** Servers that do not do as the protocol has it. */

import { expect, onTestFinished, test, vi } from 'vitest';
import { type SftpClient } from '../../../src/engine/store/sftp-client.ts';
import { answers, MalformedPacket, requests, statuses, type Field } from '../../../src/engine/store/sftp-packets.ts';
import { bytesAsSource } from '../../../src/engine/store/object-source.ts';
import { SftpSession } from '../../../src/engine/store/sftp-session.ts';
import { readBytes, writeBytes } from '../../../src/engine/store/sftp-transfer.ts';
import { walk } from '../../../src/engine/store/sftp-walk.ts';
import { answer, scriptedClient, scriptedServer, type Script } from '../../support/servers/scripted-sftp.ts';
import { expectFailure } from '../../support/trees.ts';

const handle = Buffer.from('handle');
const greetingWithLimits = answer(answers.version, 3, 'limits@openssh.com', '1');
const ok = (id: number): Buffer => answer(answers.status, id, statuses.ok, '', '');
const status = (id: number, code: number): Buffer => answer(answers.status, id, code, 'as told', 'en');
/** Size, owner, permissions and times. */
const attributes = (mode: number, size = 7): Field[] => [15, BigInt(size), 0, 0, mode, 1_700_000_000, 1_700_000_001];
const [file, directory] = [0o100644, 0o040755];
const entry = (name: string | Uint8Array, ...about: Field[]): Field[] => [name, 'long name', ...about];

/** A server whose directories hold what `entriesOf` says, each in one answer. */
function directories(entriesOf: (path: string) => readonly Field[][]): Script {
  let left: readonly Field[][] = [];
  return (type, id, request) => {
    if (type === requests.opendir) {
      left = entriesOf(request.text());
      return answer(answers.handle, id, handle);
    }
    if (type === requests.close) return ok(id);
    if (type !== requests.readdir) return status(id, statuses.noSuchFile);
    if (left.length === 0) return status(id, statuses.endOfFile);
    const entries = left;
    left = [];
    return answer(answers.name, id, entries.length, ...entries.flat());
  };
}

test.each([1, 2, 3, 5, 12, 13, 14, 100, 1000])(
  'answers are understood that come %d bytes at a time',
  async (pieceBytes) => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251));
    const server = scriptedServer(
      (type, id, request) => {
        if (type !== requests.read) return ok(id);
        request.bytes();
        const [at, length] = [request.u64(), request.u32()];
        const data = bytes.subarray(at, at + length);
        return data.length === 0 ? status(id, statuses.endOfFile) : answer(answers.data, id, data);
      },
      undefined,
      pieceBytes,
    );
    const client = await scriptedClient(server);
    expect(client.can('fsync')).toBe(true);
    expect(client.can('hardLink')).toBe(false);
    const read = await readBytes(client, handle, { start: 5, length: 1_000_000 });
    expect(Buffer.compare(read, bytes.subarray(5))).toBe(0);
  },
);

test('a server that gives less than it is asked for is asked for the rest', async () => {
  const bytes = Buffer.from('0123456789'.repeat(10));
  const server = scriptedServer((_, id, request) => {
    request.bytes();
    const at = request.u64();
    return at >= 100 ? status(id, statuses.endOfFile) : answer(answers.data, id, bytes.subarray(at, at + 3));
  });
  const read = await readBytes(await scriptedClient(server), handle, { start: 0, length: 100 });
  expect(Buffer.from(read).toString()).toBe(bytes.toString());
});

test.each([
  // What OpenSSH's server says.
  [261_120, 261_120],
  [8 << 20, 256 << 10],
  [16 << 10, 16 << 10],
  [0, 32 << 10],
])('where a server says that requests may be of %d bytes, they are of %d', async (limit, expected) => {
  const total = 1_000_000;
  const asked = { read: [] as number[], written: [] as number[] };
  const server = scriptedServer((type, id, request) => {
    if (type === requests.extended) return answer(answers.extended, id, 0n, BigInt(limit), BigInt(limit), 0n);
    request.bytes();
    const at = request.u64();
    if (type === requests.write) {
      asked.written.push(request.bytes().length);
      return ok(id);
    }
    const length = request.u32();
    asked.read.push(length);
    return answer(answers.data, id, Buffer.alloc(Math.min(length, total - at)));
  }, greetingWithLimits);
  const client = await scriptedClient(server);
  await writeBytes(client, handle, bytesAsSource(Buffer.alloc(total)), 'a');
  await readBytes(client, handle, { start: 0, length: total });
  const wanted = Array.from({ length: Math.ceil(total / expected) }, (_, i) =>
    Math.min(expected, total - i * expected),
  );
  expect(asked).toEqual({ read: wanted, written: wanted });
});

test('names that lead elsewhere, and what is neither file nor directory, are not listed', async () => {
  const server = scriptedServer(
    directories((path) =>
      path === 'root'
        ? [
            ...['.', '..', '', '../x', '/etc/passwd', 'a/b', 'nul\0', '..'].map((name) =>
              entry(name, ...attributes(file)),
            ),
            ...['.', '..', 'up/../..'].map((name) => entry(name, ...attributes(directory))),
            entry(Buffer.from([0xc3, 0x28]), ...attributes(file)),
            entry('link', ...attributes(0o120777)),
            entry('pipe', ...attributes(0o010644)),
            entry('unknown', 0),
            entry('file', ...attributes(file)),
          ]
        : [],
    ),
  );
  expect(await walk(await scriptedClient(server), 'root', '')).toEqual([
    { name: 'file', size: 7, changedMs: 1_700_000_001_000 },
  ]);
});

test('attributes that a server leaves out of its lists are asked for', async () => {
  const list = directories(() => [entry('file', 0)]);
  const server = scriptedServer((type, id, request) =>
    type === requests.lstat ? answer(answers.attributes, id, ...attributes(file)) : list(type, id, request),
  );
  expect(await walk(await scriptedClient(server), 'root', '')).toMatchObject([{ name: 'file', size: 7 }]);
});

test('directories without end are left where no name of an object is that long', async () => {
  let asked = 0;
  const server = scriptedServer(
    directories(() => {
      asked += 1;
      return [entry('directory', ...attributes(directory))];
    }),
  );
  expect(await walk(await scriptedClient(server), 'root', '')).toEqual([]);
  expect(asked).toBeLessThan(200);
});

test('a status without a message is one', async () => {
  const server = scriptedServer((_, id) => answer(answers.status, id, statuses.ok));
  await (await scriptedClient(server)).remove('a');
});

const asked = (client: SftpClient): Promise<unknown> => client.entries('root');
test.each<readonly [string, Script, (client: SftpClient) => Promise<unknown>]>([
  ['the number of another request', (_, id) => ok(id + 1), asked],
  ['something else than was asked for', (_, id) => answer(answers.attributes, id, 0), asked],
  ['a packet of no known kind', (_, id) => answer(77, id), asked],
  ['a status that ends too early', (_, id) => answer(answers.status, id), asked],
  ['a packet that is too short', () => Buffer.from([0, 0, 0, 1, 101]), asked],
  ['a packet that is too long', () => Buffer.from([0x7f, 0, 0, 0, 101]), asked],
  ['another greeting', () => answer(answers.version, 3), asked],
])('a server that answers with %s is left', async (_, script, ask) => {
  const server = scriptedServer(script);
  const client = await scriptedClient(server);
  const error = await expectFailure('store-unreachable', () => ask(client));
  expect(error.message).toBe('sftp://host/a: the answer of the server cannot be understood');
  expect(server.isKilled).toBe(true);
  await expectFailure('store-unreachable', () => ask(client));
});

const anything = Buffer.alloc(200_000);
test.each<readonly [string, Script, (client: SftpClient) => Promise<unknown>]>([
  [
    'more names than it has',
    (type, id) =>
      type === requests.opendir ? answer(answers.handle, id, handle) : answer(answers.name, id, 0xffffffff, 'a'),
    asked,
  ],
  [
    'more attributes than it has',
    (_, id) => answer(answers.attributes, id, 0x80000000, 0xffffffff),
    (client) => client.lstat('a'),
  ],
  ['a handle that ends too early', (_, id) => answer(answers.handle, id, 100), (client) => client.openToRead('a')],
  [
    'more data than was asked for',
    (_, id) => answer(answers.data, id, anything),
    (client) => readBytes(client, handle, { start: 0, length: 10 }),
  ],
  [
    'less data than it says',
    (_, id) => answer(answers.data, id, 10, 0),
    (client) => readBytes(client, handle, { start: 0, length: 10 }),
  ],
])('an answer that says it has %s is none', async (_, script, ask) => {
  const client = await scriptedClient(scriptedServer(script));
  await expect(ask(client)).rejects.toThrow(MalformedPacket);
});

test.each([
  ['a greeting in HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'is no SFTP server: "HTTP/1.1 400 Bad Request"'],
  ['a greeting of bytes', '\0\0\0\u0001\0', 'is no SFTP server: ""'],
])('%s is shown', async (_, hello, message) => {
  const { transport } = scriptedServer(() => undefined, Buffer.from(hello));
  const options = { place: 'sftp://host/a', connectMs: 60_000, silenceMs: 60_000 };
  const error = await expectFailure('io', () => SftpSession.begin(transport, options));
  expect(error.message).toContain(message);
  expect(error.details.hint).toContain('~/.bashrc');
});

test('a server that is slow is waited for, and left when it owes an answer for too long', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  let waitMs = 800;
  const server = scriptedServer((_, id) => void setTimeout(() => server.say(ok(id)), waitMs));
  const client = await scriptedClient(server, 1000);
  const several = Promise.all(['a', 'b', 'c'].map((name) => client.remove(name)));
  await vi.advanceTimersByTimeAsync(800);
  await several;
  // It owes nothing now.
  await vi.advanceTimersByTimeAsync(10_000);
  for (let i = 0; i < 3; i++) {
    const removed = client.remove('a');
    await vi.advanceTimersByTimeAsync(800);
    await removed;
  }
  waitMs = 1100;
  const late = expectFailure('store-unreachable', () => client.remove('a'));
  await vi.advanceTimersByTimeAsync(999);
  expect(server.isKilled).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect((await late).message).toBe('sftp://host/a: no answer for 1s');
  expect(server.isKilled).toBe(true);
});

test('all that is under way fails when the connection is lost, and all that follows', async () => {
  const server = scriptedServer(() => undefined);
  const client = await scriptedClient(server);
  const several = ['a', 'b', 'c'].map((name) => expectFailure('store-unreachable', () => client.remove(name)));
  server.lose();
  await Promise.all(several);
  await expectFailure('store-unreachable', () => client.remove('d'));
  expect(client.session.isOver).toBe(true);
});
