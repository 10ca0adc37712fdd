import { spawnSync } from 'node:child_process';
import { nativeProgram } from '../support/native.ts';

/** Starts an application, has it do what `session.c` describes, and lets it close its environment. */
export function work(home: string, commands: readonly string[], options: readonly string[] = []): void {
  const input = [...commands, 'leave', ''].join('\n');
  const { stdout } = spawnSync(nativeProgram('session'), ['--home', home, ...options], { input, encoding: 'utf8' });
  if (stdout !== 'ok\n'.repeat(commands.length + 1)) throw new Error(stdout);
}
