import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { expect, test } from 'vitest';

const program = path.join(import.meta.dirname, '../bin/figaro-backup.js');

test('the installed program runs, talks to the right streams and sets the exit status', async () => {
  const child = spawn(process.execPath, [program, 'recover', '--repo', '/no/repository', '--to', '/x'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  expect({ status, stdout }).toEqual({ status: 5, stdout: '' });
  expect(stderr).toMatch(/^error \[repository-missing\]: \/no\/repository: .*\nhint: .*\n$/);
});
