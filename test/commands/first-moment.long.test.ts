/**
 * The first moment of a chain is the last commit before its checkpoint, whatever follows: the chain before it, which ends later, gives the
 * same databases for it.
 */

import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { effort } from '../support/effort.ts';
import { contentsOf, describeNative } from '../support/native.ts';
import { PausedWorkload } from '../support/paused-workload.ts';
import { newPlace } from '../support/place.ts';
import { randomNumbers } from '../support/random-numbers.ts';
import { figaro } from '../support/run-cli.ts';

const seeds = effort('SEEDS', 25);
const firstSeed = Number(process.env.FIRST_SEED ?? 1);

interface Listed {
  readonly chains: readonly { readonly id: string; readonly window?: { readonly first: { readonly lsn: string } } }[];
}

const variants: readonly (readonly string[])[] = [[], ['--hash'], ['--page-size', '512', '--log-max', '60000']];

const place = (lsn: string): number => {
  const [, file, offset] = /\[(\d+)\]\[(\d+)\]/.exec(lsn)!;
  return Number(file) * 2 ** 32 + Number(offset);
};

describeNative('two chains that know of one moment', () => {
  const tried = { moments: 0 };
  afterAll(() => console.log(`${tried.moments} moments compared`));

  test.each(Array.from({ length: seeds }, (_, i) => firstSeed + i))(
    'give the same for it: seed %i',
    async (seed) => {
      const { directory, home, repository: repo } = newPlace();
      const run = async (...args: string[]): Promise<string> => {
        const { exitCode, stdout, stderr } = await figaro([...args, '--repo', repo], { directory });
        expect([args, exitCode, stderr]).toEqual([args, 0, stderr]);
        return stdout;
      };
      const random = randomNumbers(seed);
      const application = new PausedWorkload(home, seed, 30 + random(60), [
        '--no-compact',
        ...variants[seed % variants.length]!,
      ]);
      await application.goOn(true);
      await run('hot', '--home', home);
      for (let i = 0; i < 4; i++) {
        await application.goOn();
        await run('incremental', '--home', home);
      }
      await run('hot', '--home', home);
      await application.goOn();
      await run('incremental', '--home', home);
      const { chains } = JSON.parse(await run('list', '--json')) as Listed;
      expect(chains).toHaveLength(2);
      const lsns = chains.map(({ window }) => window && place(window.first.lsn));
      // Nothing was committed, or the second chain begins with what came after the first.
      if (lsns[0] === undefined || lsns[1] === undefined || lsns[1] < lsns[0]) return;
      const { lsn } = chains[1]!.window!.first;
      const contents: Record<string, string>[] = [];
      for (const [i, { id }] of chains.entries()) {
        const target = path.join(directory, `recovered-${i}`);
        const { exitCode, stderr } = await figaro(
          ['recover', '--chain', id, '--repo', repo, '--to', target, '--to-lsn', lsn],
          {
            directory,
          },
        );
        if (i === 0 && exitCode === 5) return;
        expect([exitCode, stderr]).toEqual([0, stderr]);
        contents.push(contentsOf(target));
      }
      expect(contents[1]).toEqual(contents[0]);
      tried.moments += 1;
    },
    60_000,
  );
});
