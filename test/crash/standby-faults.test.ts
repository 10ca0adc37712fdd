/** Following and promoting, with the operating system failing at one call after the other. FAULT_EVERY=1 tries all. */

import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { requireStandby } from '../../src/engine/failover/standby.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { demoApplication, temporaryDirectory } from '../support/demo-environment.ts';
import { faultKinds, runWithFault, strideFor } from '../support/fault-kinds.ts';
import { figaro } from '../support/run-cli.ts';
import { piecesOf } from '../support/standby.ts';
import { fingerprint } from '../support/trees.ts';

const commands = ['follow', 'promote'] as const;
type CommandName = (typeof commands)[number];

const homeBeside = (standby: string): string => path.join(path.dirname(standby), 'env');

function argumentsFor(command: CommandName, standby: string): string[] {
  const common = ['failover', command, '--quiet', '--standby', standby];
  return command === 'follow' ? [...common, '--home', homeBeside(standby), '--once'] : common;
}

test.each(commands.flatMap((command) => Object.keys(faultKinds).map((kind) => [command, kind] as const)))(
  '%s, while the disk %s',
  async (command, what) => {
    const kind = faultKinds[what]!;
    const directory = temporaryDirectory();
    const prepared = path.join(directory, 'prepared');
    const home = homeBeside(prepared);
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    expect((await figaro(argumentsFor('follow', prepared))).exitCode).toBe(0);
    application.commitUpTo([6, 5737]);
    const source = fingerprint(home);
    const copy = (name: string): string => {
      const standby = path.join(directory, name);
      cpSync(prepared, standby, { recursive: true, preserveTimestamps: true });
      return standby;
    };
    const whole = copy('whole');
    const { calls, result } = await runWithFault(path.dirname(whole), argumentsFor(command, whole), kind, Infinity);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    const expected = piecesOf(nodeFiles, whole);
    let tried = 0;
    let failed = 0;
    for (let at = 0; at < calls; at += strideFor(calls)) {
      const standby = copy(`standby-${at}`);
      const { result: outcome } = await runWithFault(path.dirname(standby), argumentsFor(command, standby), kind, at);
      const context = `call ${at}: ${outcome.stderr}`;
      tried++;
      if (outcome.exitCode !== 0) failed++;
      expect([0, kind.exitCode], context).toContain(outcome.exitCode);
      if (kind.code !== undefined && outcome.exitCode !== 0) {
        expect(outcome.stderr, context).toMatch(/^error \[[a-z-]+\]: .*\n(hint: .*\n)?$/);
      }
      expect(fingerprint(home), context).toEqual(source);
      nodeFiles.remove(path.join(standby, 'lock'));
      if (requireStandby(nodeFiles, standby).state.phase !== 'promoted') {
        expect(await figaro(argumentsFor(command, standby)), context).toMatchObject({ exitCode: 0 });
      }
      expect(piecesOf(nodeFiles, standby), context).toEqual(expected);
      rmSync(standby, { recursive: true });
    }
    console.log(`failover ${command}: the disk ${what} at ${tried} of ${calls} calls, and ${failed} failed`);
  },
  3_600_000,
);
