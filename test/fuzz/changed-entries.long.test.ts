/** In the place of any file or directory there may be anything: a pipe, a device, a link to somewhere else. No command waits, follows, or breaks. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { demoApplication, temporaryDirectory } from '../support/demo-environment.ts';
import { effort } from '../support/effort.ts';
import { faultOf } from '../support/faults-of-commands.ts';
import { figaro } from '../support/run-cli.ts';
import { fingerprint, namesIn } from '../support/trees.ts';

const isRoot = process.getuid?.() === 0;

/** What can be in the place of an entry. `outside` is a directory with something in it. */
const strangers: Readonly<Record<string, (at: string, outside: string) => void>> = {
  pipe: (at) => void spawnSync('mkfifo', [at]),
  socket: (at) => {
    // Bound by a short name: such names have a limit.
    const server = createServer().listen(path.relative(process.cwd(), at));
    onTestFinished(() => void server.close());
  },
  ...(isRoot ? { device: (at: string) => void spawnSync('mknod', [at, 'c', '1', '5']) } : {}),
  'an empty file': (at) => fs.writeFileSync(at, ''),
  'a file of zeros': (at) => fs.writeFileSync(at, Buffer.alloc(20_000)),
  'a file of a terabyte': (at) => {
    fs.writeFileSync(at, '');
    fs.truncateSync(at, 2 ** 40);
  },
  'a directory': (at) => fs.mkdirSync(at),
  'a directory with something in it': (at) => {
    fs.mkdirSync(at);
    fs.writeFileSync(path.join(at, 'inside'), 'x');
  },
  'a link to a file outside': (at, outside) => fs.symlinkSync(path.join(outside, 'victim.db'), at),
  'a link to a directory outside': (at, outside) => fs.symlinkSync(outside, at),
  'a link to nowhere': (at) => fs.symlinkSync('/nowhere/at/all', at),
  'a link to itself': (at) => fs.symlinkSync(path.basename(at), at),
  'a link to the directory above': (at) => fs.symlinkSync('.', at),
  'a link to a device': (at) => fs.symlinkSync('/dev/zero', at),
};

const inRepo = [
  'list',
  'show --timeline',
  'check',
  'verify',
  'verify --rehearse --quick',
  'pin <full> --note x',
  'unpin <full>',
  'inspect environment',
  'logs timeline',
  'incremental --home <dir>/env',
  'hot --home <dir>/env',
  'logs prune --home <dir>/env --confirm',
  'recover --to <dir>/out',
  'recover --to <dir>/out --dry-run',
  'failover follow --once --standby <dir>/new-standby',
  'expire --keep-full 1',
].map((line) => `${line} --repo <dir>/repo`);

const onStandby = [
  'failover status --standby <dir>/standby',
  'failover follow --once --standby <dir>/standby --home <dir>/env',
  'failover promote --standby <dir>/standby --surviving-logs <dir>/env',
];

const onSource = [
  'inspect environment --home <dir>/env',
  'logs list --home <dir>/env',
  'logs print --home <dir>/env --limit 3',
  'dump <dir>/env/d.dbxml --list',
  'hot --home <dir>/env --repo <dir>/repo',
  'incremental --home <dir>/env --repo <dir>/repo',
  'offline --home <dir>/env --repo <dir>/repo2',
  'recover --from <dir>/env --to <dir>/out',
  'logs prune --home <dir>/env --repo <dir>/repo',
  'failover follow --once --standby <dir>/standby --home <dir>/env',
];

/** An environment with a directory for data, a repository with a chain of three and every small file there can be, a standby. */
async function lay(directory: string): Promise<string> {
  const at = (name: string): string => path.join(directory, name);
  fs.mkdirSync(at('outside'), { recursive: true });
  fs.writeFileSync(at('outside/victim.db'), 'mine');
  const application = demoApplication(at('env'));
  application.commitUpTo([4, 72_115]);
  fs.mkdirSync(at('env/data'));
  fs.renameSync(at('env/e.dbxml'), at('env/data/e.dbxml'));
  fs.writeFileSync(at('env/DB_CONFIG'), 'add_data_dir data\n');
  const run = async (line: string): Promise<void> => {
    expect(await figaro(line.replaceAll('<dir>', directory).split(' '))).toMatchObject({ exitCode: 0 });
  };
  await run('hot --home <dir>/env --repo <dir>/repo');
  await run('failover follow --once --home <dir>/env --standby <dir>/standby');
  application.commitUpTo([4, 110_000]);
  await run('incremental --home <dir>/env --repo <dir>/repo');
  application.commitUpTo([5, 110_402]);
  await run('incremental --home <dir>/env --repo <dir>/repo');
  await run('verify --repo <dir>/repo');
  const full = namesIn(at('repo')).find((name) => name.includes('-hot-'))!;
  await run(`pin ${full} --repo <dir>/repo`);
  application.commitUpTo([6, 5737]);
  // What only runs that were killed leave.
  for (const name of ['repo/lock', 'standby/lock', 'standby/round.journal', 'standby/trouble.json', 'out']) {
    fs.writeFileSync(at(name), '');
  }
  for (const name of ['standby/base', 'standby/incoming']) fs.mkdirSync(at(name), { recursive: true });
  return full;
}

function entriesOf(directory: string, part: string): string[] {
  const inside = fs.readdirSync(path.join(directory, part), { recursive: true, encoding: 'utf8' }).sort();
  return [part, ...inside.map((name) => `${part}/${name}`)];
}

const share = effort('CHANGED_ENTRIES', 12);

test.each([
  ['repo', inRepo],
  ['standby', onStandby],
  ['env', onSource],
])('anything in the place of an entry of %s is a named error, or none', async (part, commands) => {
  const top = temporaryDirectory();
  const directory = path.join(top, 'work');
  const pristine = path.join(top, 'pristine');
  const full = await lay(directory);
  const entries = [...entriesOf(directory, part), ...(part === 'repo' ? ['out'] : [])];
  const isTemporary = (name: string): boolean =>
    /^(repo|standby)\/(lock|round\.journal)$|^out$|^standby\/(base|incoming)$/.test(name);
  for (const name of entries.filter(isTemporary)) fs.rmSync(path.join(directory, name), { recursive: true });
  fs.renameSync(directory, pristine);
  const cases = entries.flatMap((entry) => Object.keys(strangers).map((stranger) => [entry, stranger] as const));
  const step = Math.max(1, cases.length / share);
  const faults: string[] = [];
  for (let i = 0; i < cases.length; i += step) {
    const [entry, stranger] = cases[Math.floor(i)]!;
    for (const command of commands) {
      fs.cpSync(pristine, directory, { recursive: true, preserveTimestamps: true });
      const at = path.join(directory, entry);
      fs.rmSync(at, { recursive: true, force: true });
      strangers[stranger]!(at, path.join(directory, 'outside'));
      const untouched = (): readonly string[] => fingerprint(path.join(directory, 'outside'));
      const before = untouched();
      if (process.env['CHANGED_ENTRIES_LOG'])
        fs.appendFileSync(process.env['CHANGED_ENTRIES_LOG'], `${entry}: ${stranger}: ${command}\n`);
      const result = await figaro(
        command.split(' ').map((word) => word.replace('<dir>', directory).replace('<full>', full)),
      );
      const fault = faultOf(result);
      if (fault !== undefined) faults.push(`${stranger} in the place of ${entry}: ${command}: ${fault}`);
      if (untouched().join() !== before.join())
        faults.push(`${stranger} in the place of ${entry}: ${command}: outside was touched`);
      fs.rmSync(directory, { recursive: true });
    }
    expect(namesIn(top)).toEqual(['pristine']);
  }
  expect(faults).toEqual([]);
});
