import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { heartbeatUrl, sendHeartbeat } from '../../../src/commands/run/heartbeat.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { createRepository } from '../../../src/engine/repository/repository.ts';
import { shellWord } from '../../../src/output/text.ts';
import { layDemoEnvironment, temporaryDirectory } from '../../support/demo-environment.ts';
import { figaro, type CliResult } from '../../support/run-cli.ts';
import { isLongRun } from '../../support/effort.ts';

let server: Server;
let requests: IncomingMessage[];
/** Statuses of the next answers, 200 after the last; 0 is no answer. */
let statuses: number[];
let base: string;

beforeEach(async () => {
  requests = [];
  statuses = [];
  server = createServer((request, response) => {
    requests.push(request);
    const status = statuses.shift() ?? 200;
    if (status === 0) return;
    response.statusCode = status;
    response.end('OK');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const asked = (): string[] => requests.map(({ method, url }) => `${method} ${url}`);

describe('a heartbeat', () => {
  /** A busy machine answers, too. */
  const pace = { timeoutMs: 60_000, delaysMs: [10, 20] };
  const send = async (
    event: 'start' | 'success' | 'failure' = 'success',
    where = '/secret',
    timeoutMs = pace.timeoutMs,
  ): Promise<unknown> => await sendHeartbeat(heartbeatUrl(base + where), event, { pace: { ...pace, timeoutMs } });
  const told = (problem: string, event = 'success'): string =>
    `the heartbeat ${base}/… (${event}) could not be delivered: ${problem}`;

  test('says in its path what happened', async () => {
    for (const event of ['start', 'success', 'failure'] as const) expect(await send(event)).toBeUndefined();
    expect(await send('failure', '/secret/?rid=7')).toBeUndefined();
    expect(asked()).toEqual(['GET /secret/start', 'GET /secret', 'GET /secret/fail', 'GET /secret/fail?rid=7']);
    expect(requests[0]!.headers['user-agent']).toMatch(/^figaro-backup\//);
  });

  test('is sent again when that may help', async () => {
    statuses = [503, 429];
    expect(await send()).toBeUndefined();
    expect(requests).toHaveLength(3);
    statuses = [500, 500, 502];
    expect(await send()).toBe(told('the answer was 502'));
    expect(requests).toHaveLength(6);
    statuses = [404];
    expect(await send()).toBe(told('the answer was 404'));
    expect(requests).toHaveLength(7);
  });

  test('does not wait for ever', async () => {
    statuses = [0, 0, 0];
    const began = performance.now();
    expect(await send('failure', '/secret', 200)).toBe(told('no answer within under 1s', 'failure'));
    expect(requests).toHaveLength(3);
    expect(performance.now() - began).toBeLessThan(5000);
  });

  test('is given up when the run is interrupted', async () => {
    statuses = [0];
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    const options = { pace: { timeoutMs: 60_000, delaysMs: [60_000] }, signal: stop.signal };
    expect(await sendHeartbeat(heartbeatUrl(`${base}/secret`), 'start', options)).toBe(told('interrupted', 'start'));
  });

  test('carries the credentials of its URL', async () => {
    base = base.replace('//', '//user:p%40ss@');
    expect(await send()).toBeUndefined();
    expect(requests[0]!.headers['authorization']).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`);
  });
});

describe('a run with a heartbeat', () => {
  let directory: string;
  let args: string[];

  beforeEach(() => {
    directory = temporaryDirectory();
    layDemoEnvironment(path.join(directory, 'env'));
    args = ['hot', '--home', path.join(directory, 'env'), '--repo', path.join(directory, 'repo')];
    createRepository(nodeFiles, path.join(directory, 'repo'));
  });

  async function run(url: string, ...more: readonly string[]): Promise<CliResult> {
    const env = { PATH: process.env['PATH']!, FIGARO_BACKUP_HEARTBEAT: url };
    return await figaro([...args, ...more], { directory, env });
  }

  const fine = { exitCode: 0, stdout: '', stderr: '' };

  test('tells that it begins, and that all went well', async () => {
    expect(await run(`${base}/secret`)).toEqual(fine);
    expect(asked()).toEqual(['GET /secret/start', 'GET /secret']);
  });

  test('tells that it failed, or that a hook after it did', async () => {
    expect(await run(`${base}/secret`, '--home', '/none')).toMatchObject({ exitCode: 3 });
    expect(await run(`${base}/secret`, '--run-after', 'exit 1')).toMatchObject({ exitCode: 12 });
    expect(asked()).toEqual(['GET /secret/start', 'GET /secret/fail', 'GET /secret/start', 'GET /secret/fail']);
  });

  test.runIf(isLongRun)('does its work when nobody answers, and warns without telling the URL', async () => {
    statuses = [404, 404];
    const warning = (event: string): string =>
      `the heartbeat ${base}/… (${event}) could not be delivered: the answer was 404`;
    expect(await run(`${base}/secret`)).toEqual({
      ...fine,
      stderr: `warning: ${warning('start')}\nwarning: ${warning('success')}\n`,
    });
    statuses = [404, 404];
    const { exitCode, stdout, stderr } = await run(`${base}/secret`, '--json');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ set: {}, warnings: [warning('start'), warning('success')] });
    await new Promise((resolve) => server.close(resolve));
    const none = await run(`${base}/secret`);
    expect(none.exitCode).toBe(0);
    expect(none.stderr).toContain(`the heartbeat ${base}/… (success) could not be delivered: connection refused\n`);
    expect(none.stderr).not.toContain('secret');
  });

  test('keeps its URL from the hooks', async () => {
    const fails = (word: string): string =>
      `${shellWord(process.execPath)} -e "process.exit(JSON.stringify(process.env).includes('${word}') ? 1 : 0)"`;
    expect(await run(`${base}/secret`, '--run-before', fails('secret'))).toEqual(fine);
    expect(await run(`${base}/secret`, '--run-before', fails('FIGARO_BACKUP_'))).toMatchObject({ exitCode: 12 });
  });

  test.each(['ftp://127.0.0.1/secret', 'secret', 'file:///secret'])(
    'refuses %s, and does not repeat it',
    async (url) => {
      for (const { exitCode, stderr } of [await run(url), await run('', '--heartbeat', url)]) {
        expect(exitCode).toBe(2);
        expect(stderr).toContain('the heartbeat is not a URL');
        expect(stderr).not.toContain('secret');
      }
    },
  );
});
