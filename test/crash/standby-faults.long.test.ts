/** Following and promoting, with the operating system failing at one call after the other. FAULT_EVERY=1 tries all. */

import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { requireStandby } from '../../src/engine/failover/standby.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { callsToTry, countCalls, faultKinds, runWithFault } from '../support/fault-kinds.ts';
import { figaro } from '../support/run-cli.ts';
import { piecesOf } from '../support/standby.ts';
import { fingerprint } from '../support/trees.ts';
import { prepared } from '../support/prepared.ts';

const commands = ['follow', 'promote'] as const;
type CommandName = (typeof commands)[number];

const homeBeside = (standby: string): string => path.join(path.dirname(standby), 'env');

function argumentsFor(command: CommandName, standby: string): string[] {
  const common = ['failover', command, '--quiet', '--standby', standby];
  return command === 'follow' ? [...common, '--home', homeBeside(standby), '--once'] : common;
}

describe.each(commands)('%s', (command) => {
  const laid = prepared(async ({ directory, home }) => {
    const standby = path.join(directory, 'prepared');
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    expect((await figaro(argumentsFor('follow', standby))).exitCode).toBe(0);
    application.commitUpTo([6, 5737]);
  });
  let counted: Awaited<ReturnType<typeof countCalls>>;
  let expected: ReturnType<typeof piecesOf>;

  beforeAll(async () => {
    const { directory } = laid();
    const whole = path.join(directory, 'prepared');
    counted = await countCalls(directory, argumentsFor(command, whole));
    expect(counted.result).toMatchObject({ exitCode: 0, stderr: '' });
    expected = piecesOf(nodeFiles, whole);
  });

  test.each(Object.keys(faultKinds))(
    'while the disk %s',
    async (what) => {
      const kind = faultKinds[what]!;
      const { directory, home } = laid();
      const source = fingerprint(home);
      const calls = counted.calls[what]!;
      let tried = 0;
      let failed = 0;
      for (const at of callsToTry(calls, `${command} ${what}`)) {
        const standby = path.join(directory, `standby-${at}`);
        cpSync(path.join(directory, 'prepared'), standby, { recursive: true, preserveTimestamps: true });
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
});
